// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringView>

// Digits that must not be kept: payment cards and secret entries, as a caller says or keys them. A *run* is digits one
// after the other, written or as single words in English or Hebrew ("four one", "double five", "ארבע אחת"), with
// nothing but spaces, hyphens, dots and commas between. Pure functions.
namespace kav {

/// Passes the check that card numbers are made to pass (Luhn). Digits only.
bool isCardNumber(QStringView digits);

/// Somewhere in a run stand 13 to 19 digits that are a card number.
bool hasCardNumber(QStringView text);

/// Every run with a card number in it is written as "••••1234" with the card's last four; one that holds more than the
/// card (an expiry date, a security code) as "••••". All else stays.
QString maskCardNumbers(QStringView text);

/// For words that may go on: a run of more than ten digits, which no telephone number of a country has, may become a
/// card number and is written as "••••".
QString maskLongDigits(QStringView text);

/// For who may read the words and need not have the numbers: a run of seven digits or more, which may be a telephone
/// number, is written as "••••1234" with its last four.
QString maskTelephoneNumbers(QStringView text);

/// Every run, of any length, is written as "••••".
QString maskDigits(QStringView text);

} // namespace kav
