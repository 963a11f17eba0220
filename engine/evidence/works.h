// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

// What the engine asks of its evidence module, libkav-evidence.so: to draw a picture and to write a zip. cairo and
// libarchive need some thirty libraries, which would slow down every start of the engine, so they are loaded when a
// pack is made. Plain C on both sides: neither Qt's nor the compiler's details are shared.
extern "C" {

/// A coloured stretch of the strip of states. Milliseconds on the picture's time axis.
struct KavPictureBand {
    double from, to;
    unsigned rgb;
    const char* label; ///< drawn where there is room
};

/// A moment, as a line with a short word at its top.
struct KavPictureMark {
    double at;
    unsigned rgb;
    const char* label;
};

/// One side's sound: loudest sample, 0 to 1, of each equal part of its stretch.
struct KavPictureWave {
    const char* label;
    unsigned rgb;
    double from, to;
    const float* peaks;
    size_t count;
};

struct KavPicture {
    double length; ///< milliseconds of the time axis
    const char* title;
    const char* note; ///< instead of the waves, where there are none
    const KavPictureBand* bands;
    size_t bandCount;
    const KavPictureMark* marks;
    size_t markCount;
    const KavPictureWave* waves;
    size_t waveCount;
};

struct KavZipEntry {
    const char* name; ///< in the archive
    const char* path; ///< on disk
};

struct KavEvidenceWorks {
    /// Text is UTF-8. False: `error` says why, in at most `errorSize` bytes with the 0.
    bool (*draw)(const KavPicture* picture, const char* pngPath, char* error, size_t errorSize);
    bool (*zip)(const KavZipEntry* entries, size_t count, long long secondsSince1970, const char* zipPath, char* error,
        size_t errorSize);
};

/// Its number grows with every change above.
const KavEvidenceWorks* kav_evidence_works_1();
}

// Where the picture's time axis lies, in its pixels: the film moves a line along it.
namespace kav::evidence {
inline constexpr int PictureWidth = 1280, PictureHeight = 480;
inline constexpr int PlotLeft = 84, PlotRight = 1264, PlotTop = 52, PlotBottom = 444;
} // namespace kav::evidence
