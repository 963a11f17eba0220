// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/http/eventstream.h"
#include "shared/core/result.h"

#include <QJsonObject>
#include <QJsonValue>
#include <QString>

#include <optional>
#include <vector>

namespace kav::providers {

/// Takes the answer to POST /chat/completions apart as it arrives: an event stream of chunks, or one JSON object from a
/// server that knows no streaming. A plain value, one per request; knows nothing of what the text means.
class ChatStream final {
public:
    struct Tool final {
        int index = 0;
        QString id, name;
        QByteArray arguments; ///< JSON, once whole
        bool tooLong = false;
    };
    /// The text that `bytes` completed. An Error: the stream cannot be read any further.
    Result<QString> add(QByteArrayView bytes);
    /// The stream's end: the text of an answer that came in one piece.
    Result<QString> finish();

    /// The model said that it is done, or the server that nothing more will come.
    bool isComplete() const { return m_done || !m_finishReason.isEmpty(); }
    const QString& finishReason() const { return m_finishReason; }
    const std::vector<Tool>& tools() const { return m_tools; }
    /// An error the server reported in the middle.
    const std::optional<QJsonValue>& error() const { return m_error; }

private:
    enum class Form { Unknown, Events, Object };

    Result<QString> addEvents(QByteArrayView bytes);
    QString takeObject(const QJsonObject& object);
    void takeTools(const QJsonValue& calls);

    Form m_form = Form::Unknown;
    EventStream m_events;
    QByteArray m_object;
    std::vector<Tool> m_tools;
    QString m_finishReason;
    std::optional<QJsonValue> m_error;
    bool m_done = false;
};

} // namespace kav::providers
