// SPDX-License-Identifier: Apache-2.0
#include "shared/protocol/codec.h"

#include <cstdlib>

using namespace kav;
using namespace kav::protocol;

namespace {

void require(bool condition)
{
    if (!condition)
        std::abort();
}

template <typename Message, typename Decode> void throughAndBack(QByteArrayView text, Decode decode)
{
    const Result<Message> message = decode(text);
    if (!message.ok()) {
        require(message.error().code == Error::Code::Invalid && !message.error().message.isEmpty());
        return;
    }
    const QByteArray again = encode(*message);
    const Result<Message> back = decode(again);
    require(back.ok() && *back == *message);
    require(encode(*back) == again);
}

} // namespace

// The first byte is the direction ('>' to the engine, else to the console), the rest a message. What is taken comes
// back as it was when it is written and read again; and a delta put together from its changes is the delta.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size == 0)
        return 0;
    const QByteArrayView text(data + 1, static_cast<qsizetype>(size) - 1);
    if (data[0] == '>') {
        throughAndBack<ToEngine>(text, decodeToEngine);
        return 0;
    }
    throughAndBack<ToConsole>(text, decodeToConsole);
    const auto message = decodeToConsole(text);
    const auto* const delta = message ? std::get_if<Delta>(&*message) : nullptr;
    if (!delta)
        return 0;
    QList<QByteArray> changes;
    for (const Change& change : delta->changes)
        changes += encodeChange(change);
    QList<const QByteArray*> pointers;
    for (const QByteArray& change : changes)
        pointers += &change;
    require(encodeDelta(delta->from, delta->to, delta->at, pointers) == encode(*message));
    return 0;
}
