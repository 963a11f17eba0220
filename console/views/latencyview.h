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

/// One stretch of the caller's wait, and who spent it.
struct LatencySegment final {
    enum class Part {
        Pause, ///< a setting's: hatched
        Recognition,
        Thinking,
        Synthesis,
        Delivery,
    };
    Part part = Part::Pause;
    std::chrono::milliseconds length{0};
    bool operator==(const LatencySegment&) const = default;
};
inline constexpr std::array LatencyPartsInOrder{LatencySegment::Part::Pause, LatencySegment::Part::Recognition,
    LatencySegment::Part::Thinking, LatencySegment::Part::Synthesis, LatencySegment::Part::Delivery};

/// Contiguous segments whose sum is the gap exactly; without a gap, the parts that are known.
std::vector<LatencySegment> segmentsOf(const LatencyParts& parts);
QString latencyPartWord(LatencySegment::Part part);
QString latencyPartOwner(LatencySegment::Part part);
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
