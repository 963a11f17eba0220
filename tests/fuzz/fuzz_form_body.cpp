// SPDX-License-Identifier: Apache-2.0
#include "engine/telephony/formbody.h"
#include "engine/telephony/twiliosignature.h"
#include "engine/telephony/twimldocument.h"

#include <cstdint>
#include <cstdlib>

// Whatever the bytes: no crash, and what parses survives encoding; the signature does not care for order or repetition.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    using namespace kav::telephony;
    const QByteArrayView bytes(reinterpret_cast<const char*>(data), static_cast<qsizetype>(size));
    const auto form = FormBody::parse(bytes);
    if (form) {
        const QByteArray encoded = form->encode();
        const auto again = FormBody::parse(encoded, {.bytes = encoded.size(), .fields = 256});
        if (!again || again->fields() != form->fields() || again->replacedSequences() != 0)
            std::abort();
        QList<FormField> reversed(form->fields().crbegin(), form->fields().crend());
        reversed += form->fields();
        const QByteArray signature = computeSignature("token", "https://k.example/v", form->fields());
        if (signature.size() != 28 || computeSignature("token", "https://k.example/v", reversed) != signature)
            std::abort();
        if (!verifySignature("token", "https://k.example/v", reversed, signature).accepted)
            std::abort();
    } else if (form.error().message.isEmpty()) {
        std::abort();
    }
    // The same bytes as a URL and as TwiML: other parsers of what comes from outside.
    if (size < 512) {
        const auto verdict = verifySignature("token", bytes, {}, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        const QByteArray own = computeSignature("token", bytes);
        if (verdict.accepted && own != "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" && verdict.url == bytes)
            std::abort();
        explainMismatch("token", bytes, {}, own, {bytes.toByteArray()});
    }
    const auto document = TwimlDocument::parse(bytes.toByteArray());
    if (!document && document.error().message.isEmpty())
        std::abort();
    return 0;
}
