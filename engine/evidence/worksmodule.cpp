// SPDX-License-Identifier: Apache-2.0
#include "engine/evidence/works.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <array>
#include <cairo.h>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace kav::evidence {

namespace {

constexpr double StripHeight = 30, Gap = 10;
constexpr unsigned Ink = 0x1b2430, Faint = 0xd5dbe3, Muted = 0x5b6776;

bool fail(char* error, size_t size, const char* what, const char* why)
{
    std::snprintf(error, size, "%s: %s", what, why && *why ? why : "no reason given");
    return false;
}

void setColour(cairo_t* cairo, unsigned rgb, double alpha = 1)
{
    cairo_set_source_rgba(
        cairo, ((rgb >> 16) & 0xff) / 255.0, ((rgb >> 8) & 0xff) / 255.0, (rgb & 0xff) / 255.0, alpha);
}

double widthOf(cairo_t* cairo, const char* text)
{
    cairo_text_extents_t extents;
    cairo_text_extents(cairo, text, &extents);
    return extents.x_advance;
}

void drawText(cairo_t* cairo, double x, double y, const char* text, unsigned rgb)
{
    setColour(cairo, rgb);
    cairo_move_to(cairo, x, y);
    cairo_show_text(cairo, text);
}

/// Black or white, whichever is read more easily on it.
unsigned inkOn(unsigned rgb)
{
    const double light = 0.299 * ((rgb >> 16) & 0xff) + 0.587 * ((rgb >> 8) & 0xff) + 0.114 * (rgb & 0xff);
    return light > 140 ? Ink : 0xffffff;
}

/// A step of the time axis that leaves room for its numbers.
double stepFor(double length)
{
    for (const double step : {100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3}) {
        if (length / step <= 14)
            return step;
    }
    return std::ceil(length / 14 / 600e3) * 600e3;
}

std::string timeText(double ms, double step)
{
    std::array<char, 32> text{};
    const auto seconds = static_cast<long>(ms / 1000);
    if (step < 1000)
        std::snprintf(text.data(), text.size(), "%.1f s", ms / 1000);
    else
        std::snprintf(text.data(), text.size(), "%ld:%02ld", seconds / 60, seconds % 60);
    return text.data();
}

double place(const KavPicture& picture, double ms)
{
    const double share = picture.length > 0 ? std::clamp(ms / picture.length, 0.0, 1.0) : 0;
    return PlotLeft + share * (PlotRight - PlotLeft);
}

void drawAxis(cairo_t* cairo, const KavPicture& picture)
{
    cairo_set_font_size(cairo, 11);
    cairo_set_line_width(cairo, 1);
    const double step = stepFor(std::max(picture.length, 1.0));
    for (double at = 0; at <= picture.length; at += step) {
        const double x = std::floor(place(picture, at)) + 0.5;
        setColour(cairo, Faint);
        cairo_move_to(cairo, x, PlotTop);
        cairo_line_to(cairo, x, PlotBottom);
        cairo_stroke(cairo);
        const std::string text = timeText(at, step);
        const double width = widthOf(cairo, text.c_str());
        drawText(cairo, std::min(x - width / 2, PictureWidth - width - 2), PlotBottom + 18, text.c_str(), Muted);
    }
}

void drawBands(cairo_t* cairo, const KavPicture& picture)
{
    cairo_set_font_size(cairo, 11);
    for (size_t i = 0; i < picture.bandCount; ++i) {
        const KavPictureBand& band = picture.bands[i];
        const double from = place(picture, band.from), to = place(picture, band.to);
        setColour(cairo, band.rgb);
        cairo_rectangle(cairo, from, PlotTop, std::max(to - from, 1.0), StripHeight);
        cairo_fill(cairo);
        if (widthOf(cairo, band.label) + 8 < to - from)
            drawText(cairo, from + 4, PlotTop + StripHeight / 2 + 4, band.label, inkOn(band.rgb));
    }
}

void drawWaves(cairo_t* cairo, const KavPicture& picture)
{
    const double top = PlotTop + StripHeight + Gap;
    const double height = (PlotBottom - top - Gap * double(picture.waveCount - 1)) / double(picture.waveCount);
    for (size_t i = 0; i < picture.waveCount; ++i) {
        const KavPictureWave& wave = picture.waves[i];
        const double middle = top + double(i) * (height + Gap) + height / 2;
        const double from = place(picture, wave.from), to = place(picture, wave.to);
        setColour(cairo, Faint);
        cairo_rectangle(cairo, from, middle - 0.5, to - from, 1);
        cairo_fill(cairo);
        setColour(cairo, wave.rgb);
        for (size_t part = 0; part < wave.count; ++part) {
            const double x = from + (to - from) * double(part) / double(wave.count);
            const double reach = std::max(0.5, double(std::clamp(wave.peaks[part], 0.0f, 1.0f)) * (height / 2 - 2));
            cairo_rectangle(cairo, x, middle - reach, std::max(0.8, (to - from) / double(wave.count)), 2 * reach);
        }
        cairo_fill(cairo);
        cairo_set_font_size(cairo, 12);
        drawText(cairo, 10, middle + 4, wave.label, Ink);
    }
}

/// Their words stand in two rows, and are left out where there is no room for them.
void drawMarks(cairo_t* cairo, const KavPicture& picture)
{
    cairo_set_font_size(cairo, 10);
    std::array<double, 2> takenTo{0, 0};
    for (size_t i = 0; i < picture.markCount; ++i) {
        const KavPictureMark& mark = picture.marks[i];
        const double x = place(picture, mark.at);
        setColour(cairo, mark.rgb, 0.75);
        cairo_rectangle(cairo, x - 0.5, PlotTop - 3, 1, PlotBottom - PlotTop + 3);
        cairo_fill(cairo);
        const double width = widthOf(cairo, mark.label);
        for (size_t row = 0; row < takenTo.size(); ++row) {
            const double left = std::min(x, PictureWidth - width - 4);
            if (left < takenTo[row] + 4)
                continue;
            drawText(cairo, left, PlotTop - 6 - 11.0 * double(row), mark.label, mark.rgb);
            takenTo[row] = left + width;
            break;
        }
    }
}

bool draw(const KavPicture* picture, const char* pngPath, char* error, size_t errorSize)
{
    const std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface(
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, PictureWidth, PictureHeight), &cairo_surface_destroy);
    {
        const std::unique_ptr<cairo_t, void (*)(cairo_t*)> owner(cairo_create(surface.get()), &cairo_destroy);
        cairo_t* const cairo = owner.get();
        setColour(cairo, 0xffffff);
        cairo_paint(cairo);
        cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
        cairo_set_font_size(cairo, 13);
        drawText(cairo, 10, 20, picture->title, Ink);
        drawAxis(cairo, *picture);
        drawBands(cairo, *picture);
        if (picture->waveCount > 0) {
            drawWaves(cairo, *picture);
        } else {
            cairo_set_font_size(cairo, 15);
            drawText(cairo, PlotLeft + 10, (PlotTop + PlotBottom) / 2.0 + 20, picture->note, Muted);
        }
        cairo_set_font_size(cairo, 12);
        drawText(cairo, 10, PlotTop + StripHeight / 2 + 4, "State", Ink);
        drawMarks(cairo, *picture);
        if (const cairo_status_t status = cairo_status(cairo); status != CAIRO_STATUS_SUCCESS)
            return fail(error, errorSize, "cannot draw", cairo_status_to_string(status));
    }
    const cairo_status_t status = cairo_surface_write_to_png(surface.get(), pngPath);
    return status == CAIRO_STATUS_SUCCESS || fail(error, errorSize, pngPath, cairo_status_to_string(status));
}

bool addToZip(archive* zip, const KavZipEntry& file, long long seconds, char* error, size_t errorSize)
{
    std::ifstream in(file.path, std::ios::binary | std::ios::ate);
    if (!in)
        return fail(error, errorSize, file.path, std::strerror(errno));
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), &archive_entry_free);
    archive_entry_set_pathname_utf8(entry.get(), file.name);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(in.tellg()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0600);
    archive_entry_set_mtime(entry.get(), static_cast<time_t>(seconds), 0);
    if (archive_write_header(zip, entry.get()) != ARCHIVE_OK)
        return fail(error, errorSize, file.name, archive_error_string(zip));
    in.seekg(0);
    std::vector<char> block(64 * 1024);
    while (in) {
        in.read(block.data(), static_cast<std::streamsize>(block.size()));
        if (in.gcount() > 0 && archive_write_data(zip, block.data(), static_cast<size_t>(in.gcount())) != in.gcount())
            return fail(error, errorSize, file.name, archive_error_string(zip));
    }
    return in.eof() || fail(error, errorSize, file.path, "cannot be read");
}

bool zip(const KavZipEntry* entries, size_t count, long long secondsSince1970, const char* zipPath, char* error,
    size_t errorSize)
{
    const std::unique_ptr<archive, int (*)(archive*)> zip(archive_write_new(), &archive_write_free);
    if (archive_write_set_format_zip(zip.get()) != ARCHIVE_OK
        || archive_write_set_options(zip.get(), "zip:hdrcharset=UTF-8") != ARCHIVE_OK
        || archive_write_open_filename(zip.get(), zipPath) != ARCHIVE_OK)
        return fail(error, errorSize, zipPath, archive_error_string(zip.get()));
    for (size_t i = 0; i < count; ++i) {
        if (!addToZip(zip.get(), entries[i], secondsSince1970, error, errorSize))
            return false;
    }
    return archive_write_close(zip.get()) == ARCHIVE_OK
        || fail(error, errorSize, zipPath, archive_error_string(zip.get()));
}

} // namespace

} // namespace kav::evidence

extern "C" __attribute__((visibility("default"))) const KavEvidenceWorks* kav_evidence_works_1()
{
    static const KavEvidenceWorks works{&kav::evidence::draw, &kav::evidence::zip};
    return &works;
}
