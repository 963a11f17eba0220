// SPDX-License-Identifier: Apache-2.0
#include "tests/support/standinproviders.h"

#include "engine/media/g711.h"

#include <QPointer>
#include <QTimer>

#include <cmath>
#include <numbers>
#include <utility>

namespace kav::test {
namespace {

using Fault = StandInManners::Fault;
constexpr qsizetype ToneLoop = 200; // samples: 11 whole waves of 440 Hz at 8 kHz

Error injected()
{
    return {Error::Code::Unavailable, QStringLiteral("injected fault"), {}};
}

} // namespace

int StandInGate::release(int count)
{
    int released = 0;
    for (; released < count && !m_answers.empty(); ++released) {
        auto [owner, piece] = std::move(m_answers.front());
        m_answers.pop_front();
        QMetaObject::invokeMethod(owner, std::move(piece), Qt::QueuedConnection);
    }
    return released;
}

int StandInGate::waiting() const
{
    return int(m_answers.size());
}

Fault StandInRequests::next(const StandInManners& manners)
{
    const int number = ++m_count;
    return manners.faultAt == 0 || manners.faultAt == number ? manners.fault : Fault::None;
}

StandInAnswers::StandInAnswers(QObject* owner, const StandInManners& manners)
    : m_owner(owner)
    , m_manners(manners)
{
}

StandInAnswers::~StandInAnswers()
{
    if (m_manners.gate)
        std::erase_if(m_manners.gate->m_answers, [this](const auto& answer) { return answer.first == m_owner; });
}

void StandInAnswers::post(bool first, std::function<void()> piece)
{
    const Milliseconds wait = first ? m_manners.delay : m_manners.between;
    if (m_manners.gate)
        m_manners.gate->m_answers.emplace_back(m_owner, std::move(piece));
    else if (wait.count() == 0)
        QMetaObject::invokeMethod(m_owner, std::move(piece), Qt::QueuedConnection);
    else
        QTimer::singleShot(wait, Qt::PreciseTimer, m_owner, std::move(piece));
}

// ---- speech to text
// --------------------------------------------------------------------------------------------------
StandInSpeechToText::StandInSpeechToText()
    : StandInSpeechToText(Settings())
{
}

StandInSpeechToText::StandInSpeechToText(const Settings& settings)
    : m_settings(settings)
{
}

std::unique_ptr<providers::SpeechToTextStream> StandInSpeechToText::open(const providers::CallInfo&)
{
    auto stream = std::make_unique<StandInStream>(*this);
    if (m_settings.opened)
        m_settings.opened(stream.get());
    return stream;
}

StandInStream::StandInStream(StandInSpeechToText& provider)
    : m_provider(provider)
    , m_answers(this, provider.m_settings.manners)
{
}

void StandInStream::beginUtterance(int utterance, const providers::RecognitionContext& context)
{
    asked.append({utterance, context});
    const QList<StandInUtterance>& script = m_provider.m_settings.script;
    m_next = script.isEmpty() ? StandInUtterance{{}, 0, {}, false} : script[m_begun % script.size()];
    ++m_begun;
    m_open = utterance;
    m_wanted.insert(utterance);
    m_samples = 0;
    m_partialsTold = 0;
    m_nextPartial = m_next.partials.isEmpty() ? ~quint64(0) : quint64(m_provider.m_settings.partialEvery.count()) * 8;
}

void StandInStream::write(std::span<const qint16> pcm)
{
    if (m_open == 0)
        return;
    for (const qint16 sample : pcm)
        asked.last().sum += qint64(sample) * ++asked.last().samples;
    m_samples += pcm.size();
    const auto& settings = m_provider.m_settings;
    if (settings.faultAfterAudio > Milliseconds(0) && m_samples >= quint64(settings.faultAfterAudio.count()) * 8) {
        switch (m_provider.m_requests.next(settings.manners)) {
        case Fault::None:
            break;
        case Fault::Fail:
            m_answers.post(true, [this, utterance = m_open] {
                if (m_wanted.remove(utterance)) Q_EMIT
                    failed(utterance, injected());
            });
            [[fallthrough]];
        case Fault::Hang:
            m_open = 0; // deaf from here on
            return;
        }
    }
    if (m_samples >= m_nextPartial)
        hearPartials();
}

void StandInStream::hearPartials()
{
    while (m_samples >= m_nextPartial) {
        const providers::Transcript transcript{
            m_next.partials[m_partialsTold], m_next.confidence, m_next.partialsStable};
        m_answers.post(true, [this, utterance = m_open, transcript] {
            if (m_wanted.contains(utterance)) Q_EMIT
                partial(utterance, transcript);
        });
        ++m_partialsTold;
        m_nextPartial = m_partialsTold == m_next.partials.size()
            ? ~quint64(0)
            : m_nextPartial + quint64(m_provider.m_settings.partialEvery.count()) * 8;
    }
}

void StandInStream::endUtterance(int utterance)
{
    if (m_open != utterance)
        return;
    m_open = 0;
    asked.last().ended = true;
    const Fault fault = m_provider.m_settings.faultAfterAudio > Milliseconds(0)
        ? Fault::None
        : m_provider.m_requests.next(m_provider.m_settings.manners);
    if (fault == Fault::Hang)
        return;
    const providers::Transcript transcript{m_next.text, m_next.confidence, true};
    m_answers.post(true, [this, utterance, transcript, fault] {
        if (!m_wanted.remove(utterance))
            return;
        if (fault == Fault::Fail) Q_EMIT
            failed(utterance, injected());
        else Q_EMIT
            finished(utterance, transcript);
    });
}

void StandInStream::dropUtterance(int utterance)
{
    m_wanted.remove(utterance);
    if (m_open == utterance)
        m_open = 0;
    for (Asked& each : asked)
        each.dropped = each.dropped || each.utterance == utterance;
}

// ---- language model
// --------------------------------------------------------------------------------------------------
StandInLanguageModel::StandInLanguageModel()
    : StandInLanguageModel(Settings())
{
}

StandInLanguageModel::StandInLanguageModel(const Settings& settings)
    : m_settings(settings)
{
}

std::unique_ptr<providers::Conversation> StandInLanguageModel::open(const providers::CallInfo& call)
{
    auto conversation = std::make_unique<StandInConversation>(*this, call);
    if (m_settings.opened)
        m_settings.opened(conversation.get());
    return conversation;
}

StandInConversation::StandInConversation(StandInLanguageModel& provider, const providers::CallInfo& info)
    : call(info)
    , m_provider(provider)
    , m_answers(this, provider.m_settings.manners)
{
}

bool StandInConversation::speaks() const
{
    return m_provider.m_settings.speaks;
}

void StandInConversation::toolFinished(const QString& id, const QJsonObject& result)
{
    toolResults.append({id, result});
    if (const auto goOn = m_waiting.take(id))
        goOn();
}

void StandInConversation::ask(const providers::UserTurn& turn)
{
    asked.append(turn);
    const QList<StandInAnswer>& script = m_provider.m_settings.script;
    if (!m_scriptOf.contains(turn.turn))
        m_scriptOf.insert(turn.turn, int(m_scriptOf.size()));
    const int index = m_scriptOf.value(turn.turn);
    StandInAnswer answer;
    if (index < script.size())
        answer = script[index];
    else if (turn.kind == providers::UserTurn::Kind::Opening)
        answer.text = QStringLiteral("Hello.");
    else
        answer.text = QStringLiteral("You said ") + turn.text + QLatin1Char('.');
    const quint64 asking = ++m_askings;
    m_pending.insert(turn.turn, asking); // an earlier asking of this turn is forgotten
    say(asking, turn.turn, answer, m_provider.m_requests.next(m_provider.m_settings.manners), 0);
}

void StandInConversation::say(quint64 asking, int turn, const StandInAnswer& answer, Fault fault, int piece)
{
    if (fault == Fault::Hang && piece >= m_provider.m_settings.manners.faultAfterPieces)
        return;
    m_answers.post(piece == 0, [this, asking, turn, answer, fault, piece] {
        if (m_pending.value(turn) != asking)
            return;
        if (fault == Fault::Fail && piece >= m_provider.m_settings.manners.faultAfterPieces) {
            m_pending.remove(turn);
            Q_EMIT failed(turn, injected());
            return;
        }
        const qsizetype chunk = m_provider.m_settings.chunk > 0 ? m_provider.m_settings.chunk : answer.text.size();
        const qsizetype from = piece * chunk;
        if (from < answer.text.size()) {
            // Asked for first: what is told below may cancel or delete us.
            say(asking, turn, answer, fault, piece + 1);
            const QString said = answer.text.mid(from, chunk);
            const QPointer<StandInConversation> self(this);
            Q_EMIT text(turn, said);
            if (self && speaks() && m_pending.value(turn) == asking) Q_EMIT
                audio(turn, StandInTextToSpeech().audioOf(said));
        } else if (!answer.tool.isEmpty()) {
            StandInAnswer rest = answer;
            rest.text = std::exchange(rest.afterTool, {});
            const QString id = QStringLiteral("call-%1").arg(m_askings);
            const QString name = std::exchange(rest.tool, {});
            // A fault that has not struck by now strikes here.
            const int next = fault == Fault::None ? 0 : m_provider.m_settings.manners.faultAfterPieces;
            m_waiting.insert(id, [this, asking, turn, rest, fault, next] { say(asking, turn, rest, fault, next); });
            Q_EMIT toolCalled(turn, {id, name, rest.toolArguments});
        } else {
            m_pending.remove(turn);
            Q_EMIT finished(turn, answer.next, answer.endCall);
        }
    });
}

void StandInConversation::cancel(int turn)
{
    cancelled.append(turn);
    m_pending.remove(turn);
}

void StandInConversation::heard(int turn, const QString& text, bool interrupted, std::chrono::milliseconds)
{
    heardTexts.append({turn, text, interrupted});
}

void StandInConversation::amend(int turn, const QString& text)
{
    amended.append({turn, text});
}

// ---- text to speech
// --------------------------------------------------------------------------------------------------
StandInTextToSpeech::StandInTextToSpeech()
    : StandInTextToSpeech(Settings())
{
}

StandInTextToSpeech::StandInTextToSpeech(const Settings& settings)
    : m_settings(settings)
{
    std::array<qint16, ToneLoop> tone{};
    for (qsizetype i = 0; i < ToneLoop; ++i) {
        const double phase = 2 * std::numbers::pi * 440 * double(i) / media::SampleRate;
        tone[size_t(i)] = qint16(std::lround(4634 * std::sin(phase))); // an RMS of a tenth of full scale
    }
    QByteArray loop(ToneLoop, '\0');
    media::encodeMulaw(tone, {reinterpret_cast<quint8*>(loop.data()), size_t(loop.size())});
    const qsizetype loops = qMax<qsizetype>(1, m_settings.chunk.count() * 8 / ToneLoop);
    m_chunk = loop.repeated(loops);
}

qsizetype StandInTextToSpeech::bytesOf(const QString& text) const
{
    return text.size() * m_settings.perCharacter.count() * media::SampleRate / 1000;
}

QByteArray StandInTextToSpeech::audioOf(const QString& text) const
{
    const qsizetype bytes = bytesOf(text);
    return m_chunk.repeated(bytes / m_chunk.size() + 1).left(bytes);
}

std::unique_ptr<providers::Speech> StandInTextToSpeech::speak(const providers::SpeechRequest& request)
{
    return std::make_unique<StandInSpeech>(*this, request);
}

StandInSpeech::StandInSpeech(StandInTextToSpeech& provider, const providers::SpeechRequest& request)
    : m_answers(this, provider.m_settings.manners)
    , m_chunk(provider.m_chunk)
    , m_faultAfterPieces(provider.m_settings.manners.faultAfterPieces)
    , m_fault(provider.m_requests.next(provider.m_settings.manners))
    , m_left(provider.bytesOf(request.text))
{
    if (provider.m_settings.asked)
        provider.m_settings.asked(request);
    say(0);
}

void StandInSpeech::say(int piece)
{
    const bool struck = piece >= m_faultAfterPieces;
    if (m_fault == Fault::Hang && struck)
        return;
    m_answers.post(piece == 0, [this, piece, fails = m_fault == Fault::Fail && struck] {
        if (fails) {
            Q_EMIT failed(injected());
        } else if (m_left > 0) {
            const qsizetype bytes = qMin(m_left, m_chunk.size());
            m_left -= bytes;
            say(piece + 1); // first: what is told below may delete us
            // Whole chunks share one buffer.
            Q_EMIT audio(bytes == m_chunk.size() ? m_chunk : m_chunk.left(bytes));
        } else {
            Q_EMIT finished();
        }
    });
}

} // namespace kav::test
