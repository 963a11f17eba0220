// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/providers/recognisers.h"

#include "engine/providers/deepgram/deepgram.h"
#include "engine/providers/google/googlerest.h"
#include "engine/providers/google/googlespeech.h"
#include "engine/providers/openai/openaitranscription.h"
#include "engine/providers/pocketsphinx/pocketsphinx.h"
#include "engine/providers/realtime/realtime.h"
#include "tests/support/vendors/deepgramstandin.h"
#include "tests/support/vendors/googlespeechserver.h"
#include "tests/support/vendors/googlestandin.h"
#include "tests/support/vendors/openaistandin.h"
#include "tests/support/vendors/realtimestandin.h"

#include <QCoreApplication>
#include <QFile>
#include <QJsonDocument>
#include <QThreadPool>

#include <cmath>
#include <cstring>

namespace kav::test {

using providers::HttpPool;

std::vector<qint16> Recogniser::voice(int milliseconds) const
{
    std::vector<qint16> pcm(std::size_t(milliseconds) * 8);
    for (std::size_t i = 0; i < pcm.size(); ++i)
        pcm[i] = qint16(6000 * std::sin(2 * M_PI * 300 * double(i) / 8000));
    return pcm;
}

namespace {

/// Keeps what was made, or says why it was not.
template <typename Made> QString keep(Recogniser& recogniser, Result<std::shared_ptr<Made>> made)
{
    if (!made)
        return toString(made.error());
    recogniser.provider = *made;
    return {};
}

class OpenAiEars final : public Recogniser {
public:
    OpenAiEars() { hasPartials = false; } // an utterance is sent whole when it ends
    QString make(std::shared_ptr<HttpPool> pool, const Clock& clock) override
    {
        providers::OpenAiTranscriptionSettings settings;
        settings.service.base = m_vendor.url();
        settings.service.key = QString::fromLatin1(m_vendor.key);
        return keep(*this, providers::OpenAiTranscription::create(settings, std::move(pool), clock));
    }
    void setFault(VendorFault fault) override { m_vendor.setFault(fault); }
    void willHear(const QStringList& words) override { m_vendor.transcripts.assign(words.begin(), words.end()); }

private:
    OpenAiStandIn m_vendor;
};

class GoogleRestEars final : public Recogniser {
public:
    GoogleRestEars() { hasPartials = false; } // an utterance is sent whole when it ends
    QString make(std::shared_ptr<HttpPool> pool, const Clock& clock) override
    {
        providers::GoogleSettings settings;
        settings.credentials = m_vendor.serviceAccountText();
        settings.sttUrl = m_vendor.url();
        return keep(*this, providers::GoogleRestSpeechToText::create(settings, std::move(pool), clock));
    }
    void setFault(VendorFault fault) override { m_vendor.setFault(fault); }
    void willHear(const QStringList& words) override
    {
        m_vendor.results.clear();
        for (const QString& text : words)
            m_vendor.results.push_back(
                "{\"results\":[{\"alternatives\":[{\"transcript\":\"" + text.toUtf8() + "\",\"confidence\":0.9}]}]}");
    }

private:
    GoogleStandIn m_vendor;
};

class GoogleEars final : public Recogniser {
public:
    explicit GoogleEars(GoogleSpeechServer& server)
        : m_server(server)
    {
    }
    QString make(std::shared_ptr<HttpPool> pool, const Clock& clock) override
    {
        providers::GoogleSettings settings;
        settings.credentials = m_tokens.serviceAccountText();
        settings.sttEndpoint = m_server.endpoint();
        return keep(*this, providers::GoogleSpeechToText::create(settings, std::move(pool), clock));
    }
    void setFault(VendorFault fault) override
    {
        m_server.setFault(fault);
        if (fault == VendorFault::None || fault == VendorFault::SlowBytes)
            m_server.setScenario(scenario());
    }
    void willHear(const QStringList& words) override
    {
        m_words = words.value(0, m_words); // each stream of a scenario hears the same
        m_server.setScenario(scenario());
    }
    void close() override
    {
        provider.reset();
        m_server.clear();
    }

private:
    QJsonObject scenario() const
    {
        const QString first = m_words.section(QLatin1Char(' '), 0, 0);
        const QJsonObject partial{{QStringLiteral("at"), 100},
            {QStringLiteral("response"), GoogleSpeechServer::response(first, false, 0.1, 0)}};
        return {{QStringLiteral("script"), QJsonArray{partial}},
            {QStringLiteral("last"), QJsonArray{GoogleSpeechServer::response(m_words, true, 0, 500)}}};
    }

    GoogleSpeechServer& m_server;
    GoogleStandIn m_tokens;
    QString m_words = QStringLiteral("hello");
};

class DeepgramEars final : public Recogniser {
public:
    QString make(std::shared_ptr<HttpPool> pool, const Clock& clock) override
    {
        providers::DeepgramSettings settings;
        settings.url = m_vendor.url();
        settings.key = QString::fromLatin1(m_vendor.key);
        return keep(*this, providers::Deepgram::create(settings, pool, clock));
    }
    void setFault(VendorFault fault) override { m_vendor.setFault(fault); }
    void willHear(const QStringList& words) override { m_vendor.script.assign(words.begin(), words.end()); }
    void close() override
    {
        for (const auto& talk : std::as_const(m_vendor.talks)) // sockets that say goodbye die by themselves
            if (talk->socket)
                talk->socket->abort();
        QTest::qWait(0);
        provider.reset();
    }

private:
    DeepgramStandIn m_vendor;
};

class RealtimeEars final : public Recogniser {
public:
    RealtimeEars() { hangsWhole = true; }
    QString make(std::shared_ptr<HttpPool>, const Clock& clock) override
    {
        providers::RealtimeSettings settings;
        settings.url = m_vendor.url();
        settings.key = m_vendor.key;
        return keep(*this, providers::RealtimeSpeechToText::create(settings, providers::makeRealtimeHub(), clock));
    }
    void setFault(VendorFault fault) override
    {
        using Phase = RealtimeStandIn::Phase;
        m_vendor.setFault(fault, fault == VendorFault::Refuse401 ? Phase::Connect : Phase::Transcript);
    }
    void willHear(const QStringList& words) override { m_vendor.transcripts = words; }
    void close() override
    {
        provider.reset();
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    }

private:
    RealtimeStandIn m_vendor;
};

/// In this process: nobody can fail, and what is heard is what was recorded.
class EmbeddedEars final : public Recogniser {
public:
    EmbeddedEars() { hasVendor = false; }
    QString make(std::shared_ptr<HttpPool>, const Clock& clock) override
    {
        QFile file(QStringLiteral("/usr/share/asterisk/sounds/en_US_f_Allison/hello.wav"));
        if (file.open(QIODevice::ReadOnly)) {
            const QByteArray bytes = file.readAll();
            const qsizetype data = bytes.indexOf("data") + 8;
            m_hello.resize(std::size_t(bytes.size() - data) / 2);
            std::memcpy(m_hello.data(), bytes.constData() + data, m_hello.size() * 2);
        }
        m_pool.setMaxThreadCount(2);
        return keep(*this, providers::PocketsphinxSpeechToText::create({}, m_pool, clock));
    }
    void setFault(VendorFault) override { }
    void willHear(const QStringList&) override { }
    providers::RecognitionContext context() const override
    {
        providers::RecognitionContext context;
        context.grammarName = QStringLiteral("greetings");
        context.grammar =
            QStringLiteral("#JSGF V1.0;\ngrammar greetings;\npublic <greeting> = hello | goodbye | sales;\n");
        return context;
    }
    std::vector<qint16> voice(int milliseconds) const override
    {
        std::vector<qint16> pcm = m_hello;
        pcm.resize(std::max(pcm.size(), std::size_t(milliseconds) * 8));
        return pcm;
    }
    void close() override
    {
        provider.reset();
        m_pool.waitForDone();
    }

private:
    std::vector<qint16> m_hello;
    QThreadPool m_pool;
};

} // namespace

QStringList recogniserNames()
{
    return {QStringLiteral("openai"), QStringLiteral("google"), QStringLiteral("google-rest"),
        QStringLiteral("deepgram"), QStringLiteral("realtime"), QStringLiteral("pocketsphinx")};
}

std::unique_ptr<Recogniser> makeRecogniser(const QString& name, GoogleSpeechServer& google)
{
    if (name == QLatin1String("openai"))
        return std::make_unique<OpenAiEars>();
    if (name == QLatin1String("google"))
        return std::make_unique<GoogleEars>(google);
    if (name == QLatin1String("google-rest"))
        return std::make_unique<GoogleRestEars>();
    if (name == QLatin1String("deepgram"))
        return std::make_unique<DeepgramEars>();
    if (name == QLatin1String("realtime"))
        return std::make_unique<RealtimeEars>();
    return std::make_unique<EmbeddedEars>();
}

} // namespace kav::test
