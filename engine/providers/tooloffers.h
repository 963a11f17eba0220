// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QJsonObject>
#include <QList>
#include <QString>

namespace kav::providers {

struct CallInfo;

/// A tool as a model is told of it, in whatever form its vendor takes.
struct ToolOffer final {
    QString name;
    QString description;
    QJsonObject parameters; ///< JSON schema of the arguments
};

/// The tools of the call's persona: the built-in ones that it has, then its HTTP tools. Whom a call can be passed on to
/// is a closed list: a model that may write any name makes one up.
QList<ToolOffer> toolOffers(const CallInfo& call);

} // namespace kav::providers
