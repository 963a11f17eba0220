// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "console/models/transcriptmodel.h"
#include "console/views/theme.h"

#include <QWidget>

#include <array>
#include <memory>
#include <vector>

class QTableView;

namespace kav::console {

/// What is drawn of a wait: spans above nothing whose sum is the gap exactly, whatever the engine said; without a gap,
/// those that are known.
std::vector<LatencySpan> segmentsOf(const LatencyParts& parts);
QString latencyPartWord(LatencyPart part);
/// Who spends such a part, where no turn says it.
QString latencyPartOwner(LatencyPart part);
/// The end of a time axis that holds `longest`, and the step of its marks.
struct LatencyAxis final {
    std::chrono::milliseconds end{1000}, step{250};
    bool operator==(const LatencyAxis&) const = default;
};
LatencyAxis axisFor(std::chrono::milliseconds longest);

/// Where the time of each turn went: a bar a turn on one axis of milliseconds, left to right in every language; the
/// numbers beside it on demand. Hovering tells a stretch's owner and length.
class LatencyView final : public QWidget {
    Q_OBJECT
public:
    explicit LatencyView(TranscriptModel& model, QWidget* parent = nullptr);
    ~LatencyView() override;

    bool showsNumbers() const;
    void setShowsNumbers(bool shows);
    QTableView& table() const;

protected:
    void changeEvent(QEvent* event) override; ///< language, palette

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kav::console
