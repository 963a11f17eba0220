// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/media/audio.h"

#include <memory>
#include <string>
#include <vector>

// The detectors that the bench compares. Each judges one stream from its beginning.
namespace kav::bench {

class Detector {
public:
    virtual ~Detector() = default;
    virtual bool voiced(const media::PcmFrame& frame) = 0;
    virtual float snrDb() const { return 0; }
};

struct Column final {
    std::string name;
    std::unique_ptr<Detector> (*create)();
};

/// Kav's is the last one.
const std::vector<Column>& columns();

} // namespace kav::bench
