// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/providers/persona.h"
#include "shared/core/result.h"

#include <QString>
#include <QStringList>

#include <memory>

namespace kav::dialog {

/// The lines that stand outside the conversation: spoken by the engine when a provider is slow or silent.
struct ServiceLines final {
    QString filler; ///< "One moment, please."
    QString fallback; ///< no answer could be made in time; invites a message or a later call
    QString noInputFirst, noInputSecond; ///< "Are you still there?"
    QString noInputGoodbye;
    QString endGoodbye; ///< longest call, shutdown

    static ServiceLines english();
    static ServiceLines hebrew();
    QStringList all() const;
};

/// A dialog file (resources/dialogs/*.toml, described in resources/dialogs/README.md): states, what each says, what it
/// understands, where it goes. Immutable once loaded; shared by all calls.
class DialogScript final {
public:
    /// Errors name file, line and key; states that cannot be reached or left are errors too.
    static Result<std::shared_ptr<const DialogScript>> load(const QString& path);
    static Result<std::shared_ptr<const DialogScript>> parse(const QByteArray& toml, const QString& fileName);
    ~DialogScript();

    const ServiceLines& lines() const;
    QString language() const;
    /// Every sentence it says word for word (service lines included), cut as SentenceSplitter cuts them: what warm-up
    /// renders. The opening comes first.
    QStringList fixedSentences() const;

    struct Private;
    const Private& data() const { return *d; }

private:
    DialogScript();
    std::unique_ptr<Private> d;
};

/// The engine's own lines for a call in `language` (BCP-47): the dialog's, when it is in that language; else Kav's own
/// English and Hebrew ones; for any other language the dialog's, or English. `script` may be null.
ServiceLines serviceLinesFor(const QString& language, const DialogScript* script);
/// What a caller is told who is recorded.
QString recordingNotice(const providers::Persona& persona, const QString& language);
/// Both name the same language; regions do not count: "en-GB" and "en-US".
bool isSameLanguage(const QString& one, const QString& other);
/// `text` in the pieces in which a call synthesises it.
QStringList sentencesOf(const QString& text);

} // namespace kav::dialog
