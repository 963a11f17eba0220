// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QtGlobal>

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

// Base64 of the standard alphabet with padding (RFC 4648, section 4), written for the audio path: into buffers that
// are reused, strict about what it accepts. Pure functions.
namespace kav::media {

/// Characters that `bytes` bytes take, padding included.
constexpr std::size_t base64Length(std::size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

/// Replaces `out` by the bytes of `text`. False, and `out` is unspecified, when `text` holds anything but the
/// alphabet, has a wrong length or padding, or carries bits after the last byte. Empty text is zero bytes.
bool decodeBase64(std::string_view text, std::vector<quint8>& out);

/// Writes base64Length(bytes.size()) characters to `out`; the position after them.
char16_t* encodeBase64(std::span<const quint8> bytes, char16_t* out);

} // namespace kav::media
