// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/dialog/dialogbook.h"
#include "engine/providers/speech.h"

#include <memory>

namespace kav::dialog {

/// The scripted receptionist: the language model that needs no model. Follows the DialogScript of a call's language.
/// Immutable, any thread; each call gets its own Conversation, which answers within the same turn of the event loop
/// (queued, never inside ask()). A conversation that takes over from one of its own kind goes on where that one was.
class Receptionist final : public providers::LanguageModel {
public:
    explicit Receptionist(std::shared_ptr<const DialogBook> dialogs); ///< with a script at least
    explicit Receptionist(std::shared_ptr<const DialogScript> script);
    QString name() const override;
    std::unique_ptr<providers::Conversation> open(const providers::CallInfo& call) override;

private:
    std::shared_ptr<const DialogBook> m_dialogs;
};

} // namespace kav::dialog
