// SPDX-License-Identifier: Apache-2.0
#include "console/models/transcriptmodel.h"

#include "console/models/roles.h"
#include "console/models/rowsteps.h"
#include "console/models/words.h"

#include <algorithm>

namespace kav::console {

namespace {

using namespace std::chrono_literals;

using Gap = std::optional<std::chrono::milliseconds>;

/// What a caller bears in silence before it feels wrong, and before he says "hello?".
constexpr std::chrono::milliseconds LongGap = 3s, TooLongGap = 6s;

Gap gapOf(const TranscriptTurn& turn, int column)
{
    const LatencyParts& parts = turn.record.latency;
    return column == TranscriptModel::Gap ? parts.total
                                          : parts.length(static_cast<LatencyPart>(column - TranscriptModel::Pause));
}

int gapLevel(const TranscriptTurn& turn)
{
    const Gap gap = turn.record.latency.total;
    return !gap || *gap <= LongGap ? 0 : *gap <= TooLongGap ? 1 : 2;
}

QStringList turnKeys(const QList<TranscriptTurn>& turns)
{
    QStringList keys;
    for (const TranscriptTurn& turn : turns)
        keys.append(QString::number(turn.record.number));
    return keys;
}

bool numberBefore(const TranscriptTurn& a, const TranscriptTurn& b)
{
    return a.record.number < b.record.number;
}

} // namespace

struct TranscriptModel::Private final {
    explicit Private(TranscriptModel& model)
        : q(model)
    {
    }

    /// Makes the rows these, by the fewest steps.
    void show(QList<TranscriptTurn> wanted);
    void tellRow(int row) { Q_EMIT q.dataChanged(q.index(row, 0), q.index(row, ColumnCount - 1)); }
    QString text(const TranscriptTurn& turn, int column) const;
    QString toolTip(const TranscriptTurn& turn, int column) const;
    QString sentence(const TranscriptTurn& turn) const;

    TranscriptModel& q;
    QString callId;
    QList<TranscriptTurn> turns; ///< by number
    int firstTurn = 1;
    bool live = true;
};

TranscriptModel::TranscriptModel(QObject* parent)
    : QAbstractTableModel(parent)
    , d(std::make_unique<Private>(*this))
{
}

TranscriptModel::~TranscriptModel() = default;

int TranscriptModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(d->turns.size());
}

int TranscriptModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : ColumnCount;
}

QVariant TranscriptModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid))
        return {};
    const TranscriptTurn& turn = d->turns.at(index.row());
    const int column = index.column();
    switch (role) {
    case Qt::DisplayRole:
        return column >= Pause ? gapText(gapOf(turn, column)) : d->text(turn, column);
    case Qt::ToolTipRole:
        return d->toolTip(turn, column);
    case Qt::AccessibleTextRole:
        return d->sentence(turn);
    case Qt::TextAlignmentRole:
        return column >= Pause ? QVariant(int(Qt::AlignRight | Qt::AlignVCenter)) : QVariant();
    case IdRole:
        return QString::number(turn.record.number);
    case SortRole:
        if (column >= Pause) {
            const auto gap = gapOf(turn, column);
            return gap ? qint64(gap->count()) : qint64(-1);
        }
        return column == Number ? QVariant(turn.record.number) : QVariant(d->text(turn, column));
    case ExportRole:
        if (column >= Pause) {
            const auto gap = gapOf(turn, column);
            return gap ? QVariant(qint64(gap->count())) : QVariant();
        }
        return column == Number    ? QVariant(turn.record.number)
            : column == CallerText ? QVariant(turn.record.callerText)
                                   : QVariant(turn.record.agentText);
    case DimmedRole:
        return !d->live;
    case ItemRole:
        return QVariant::fromValue(turn);
    case LevelRole:
        return gapLevel(turn);
    default:
        return {};
    }
}

QVariant TranscriptModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount)
        return {};
    if (role == Qt::TextAlignmentRole && section >= Pause)
        return int(Qt::AlignRight | Qt::AlignVCenter);
    if (role == Qt::ToolTipRole) {
        switch (Column(section)) {
        case Pause:
            return tr("Silence that was waited out after the caller's last sound before the turn was the agent's; "
                      "a setting");
        case Recognition:
            return tr("From there until the caller's words were known");
        case FirstToken:
            return tr("From there until the model gave the first of its answer");
        case FirstSentence:
            return tr("From there to the first whole sentence of the answer");
        case FirstAudio:
            return tr("From there to the first sound of that sentence");
        case Playout:
            return tr("From there until that sound was sent to the caller");
        case Gap:
            return tr("From the end of the caller's words to the first sound that followed: the sum of the others");
        case Number:
        case CallerText:
        case AgentText:
        case ColumnCount:
            break;
        }
    }
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole)
        return {};
    switch (Column(section)) {
    case Number:
        //: Column: number of the turn
        return tr("Turn");
    case CallerText:
        //: Column: what the caller said
        return tr("Caller");
    case AgentText:
        //: Column: what the agent answered
        return tr("Agent");
    case Pause:
        //: Part of the caller's wait: the silence that had to pass before the turn was the agent's
        return tr("Pause");
    case Recognition:
        //: Part of the caller's wait: speech recognition
        return tr("Recognition");
    case FirstToken:
        //: Part of the caller's wait: until the model begins to answer
        return tr("First word");
    case FirstSentence:
        //: Part of the caller's wait: from the model's first word to its first whole sentence
        return tr("Sentence");
    case FirstAudio:
        //: Part of the caller's wait: speech synthesis
        return tr("First sound");
    case Playout:
        //: Part of the caller's wait: until the sound was sent
        return tr("Sending");
    case Gap:
        //: The caller's wait: sum of its parts
        return tr("Wait");
    case ColumnCount:
        break;
    }
    return {};
}

QString TranscriptModel::callId() const
{
    return d->callId;
}

const TranscriptTurn& TranscriptModel::at(int row) const
{
    return d->turns.at(row);
}

int TranscriptModel::firstTurn() const
{
    return d->firstTurn;
}

void TranscriptModel::clear(const QString& callId)
{
    beginResetModel();
    d->callId = callId;
    d->turns.clear();
    d->firstTurn = 1;
    endResetModel();
}

void TranscriptModel::take(const protocol::CallTranscript& transcript)
{
    if (transcript.call != d->callId || d->callId.isEmpty())
        return;
    d->firstTurn = transcript.firstTurn;
    d->show(transcript.turns);
}

void TranscriptModel::take(const protocol::CallDetail& detail)
{
    if (detail.row.id != d->callId || d->callId.isEmpty())
        return;
    d->firstTurn = 1;
    d->show(detail.turns);
}

void TranscriptModel::change(const QString& callId, const TranscriptTurn& turn)
{
    if (callId != d->callId || d->callId.isEmpty())
        return;
    const auto place = std::lower_bound(d->turns.begin(), d->turns.end(), turn, numberBefore);
    const int row = int(place - d->turns.begin());
    if (place == d->turns.end() || place->record.number != turn.record.number) {
        beginInsertRows({}, row, row);
        d->turns.insert(row, turn);
        endInsertRows();
    } else if (*place != turn) {
        *place = turn;
        d->tellRow(row);
    }
}

void TranscriptModel::setLive(bool live)
{
    if (live == d->live)
        return;
    d->live = live;
    if (!d->turns.isEmpty()) Q_EMIT
        dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1), {DimmedRole});
}

void TranscriptModel::retranslate()
{
    Q_EMIT headerDataChanged(Qt::Horizontal, 0, ColumnCount - 1);
    if (!d->turns.isEmpty()) Q_EMIT
        dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1),
            {Qt::DisplayRole, Qt::ToolTipRole, Qt::AccessibleTextRole});
}

void TranscriptModel::Private::show(QList<TranscriptTurn> wanted)
{
    // The engine tells them by number, each once; a row per number is this model's own promise.
    std::stable_sort(wanted.begin(), wanted.end(), numberBefore);
    wanted.erase(std::unique(wanted.begin(), wanted.end(),
                     [](const auto& a, const auto& b) { return a.record.number == b.record.number; }),
        wanted.end());

    const RowSteps steps = rowSteps(turnKeys(turns), turnKeys(wanted));
    for (const RowRange& range : steps.removed) {
        q.beginRemoveRows({}, range.first, range.last);
        turns.remove(range.first, range.last - range.first + 1);
        q.endRemoveRows();
    }
    for (const RowRange& range : steps.inserted) {
        q.beginInsertRows({}, range.first, range.last);
        for (int row = range.first; row <= range.last; ++row)
            turns.insert(row, wanted.at(row));
        q.endInsertRows();
    }
    for (int row = 0; row < turns.size(); ++row) {
        if (turns.at(row) != wanted.at(row)) {
            turns[row] = wanted.at(row);
            tellRow(row);
        }
    }
}

QString TranscriptModel::Private::text(const TranscriptTurn& turn, int column) const
{
    if (column == Number)
        return QString::number(turn.record.number);
    if (column == AgentText)
        return turn.record.agentText;
    if (turn.record.callerText.isEmpty() && isComeBack(turn.record))
        return tr("Passed on, and back");
    const bool wordless = turn.record.callerText.isEmpty() && turn.record.input != TurnInput::Voice;
    return wordless ? turnInputWord(turn.record.input) : turn.record.callerText;
}

QString TranscriptModel::Private::toolTip(const TranscriptTurn& turn, int column) const
{
    if (column >= Pause) {
        const LatencyParts& parts = turn.record.latency;
        QString words = q.headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString();
        if (column < Gap) {
            if (const QString owner = parts.owner(static_cast<LatencyPart>(column - Pause)); !owner.isEmpty())
                words += QLatin1Char('\n') + latencyOwnerSentence(owner);
        } else if (parts.filler) {
            words += QLatin1Char('\n') + tr("A waiting line was heard first; the answer came later.");
        }
        return words;
    }
    if (column == AgentText && turn.record.interrupted)
        //: %1: what the caller heard of the agent's answer
        return tr("Interrupted. The caller heard: %1").arg(turn.record.heardText);
    if (column == AgentText && turn.record.fallback)
        return tr("A prepared line stood in for the answer.");
    if (column == CallerText && turn.record.input == TurnInput::Voice && turn.record.confidence > 0.0)
        //: How sure the speech recognition is
        return tr("Recognised with a confidence of %1 %").arg(qRound(turn.record.confidence * 100.0));
    return text(turn, column);
}

QString TranscriptModel::Private::sentence(const TranscriptTurn& turn) const
{
    const TurnRecord& record = turn.record;
    const QString number = QString::number(record.number), said = text(turn, CallerText);
    if (record.callerText.isEmpty() && isComeBack(record))
        //: Read out. %1: number of the turn; %2: what the agent said
        return tr("Turn %1. The call was passed on, and is back with the agent: %2.").arg(number, record.agentText);
    if (record.agentText.isEmpty())
        //: Read out. %1: number of the turn; %2: what the caller said
        return tr("Turn %1. Caller: %2. No answer yet.").arg(number, said);
    if (record.interrupted)
        //: Read out. %3: what the caller heard of the agent's answer before interrupting it
        return tr("Turn %1. Caller: %2. Agent, interrupted: %3.").arg(number, said, record.heardText);
    if (!record.latency.total)
        //: Read out. %3: what the agent answered
        return tr("Turn %1. Caller: %2. Agent: %3.").arg(number, said, record.agentText);
    //: Read out. %3: what the agent answered; %4: how long the caller waited for it
    return tr("Turn %1. Caller: %2. Agent: %3. The wait was %4.")
        .arg(number, said, record.agentText, gapText(record.latency.total));
}

} // namespace kav::console
