// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/net/synchronizer.h"

#include <QObject>
#include <QString>

#include <memory>

namespace kav::console {

/// Fetches the evidence of a call from the engine into a file or a folder, one at a time. What comes grows under
/// another name beside its place, and gets its name when it is whole and its SHA-256 are the engine's; until then, and
/// when anything goes wrong, nothing is there. Nothing that is there is overwritten. Owned by Desk, lives on the GUI
/// thread.
class EvidenceSaver final : public QObject {
    Q_OBJECT
public:
    enum class Stage { Idle, Making, Fetching };
    Q_ENUM(Stage)

    struct Order final {
        QString call;
        QString path; ///< of a file, or of a folder
        bool isFolder = false;
        bool unmask = false; ///< telephone numbers that were said or keyed
    };

    explicit EvidenceSaver(Synchronizer& synchronizer);
    ~EvidenceSaver() override;

    /// Why nothing can be put there; empty: it can. A sentence.
    static QString whyNotThere(const QString& path, bool isFolder);
    /// saved() or failed() follows, never from inside the call, unless cancel() does. Nothing while one is in hand.
    void save(const Order& order);
    void cancel();

    Stage stage() const;
    QString call() const; ///< in hand; empty: none
    int percent() const; ///< of what is to be fetched

Q_SIGNALS:
    void changed();
    void saved(const QString& path);
    void failed(const QString& call, const QString& sentence);

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
