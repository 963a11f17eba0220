// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/pocketsphinx/narrowbandmodel.h"

#include "engine/providers/pocketsphinx/linefrontend.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QtEndian>

#include <array>
#include <cstring>
#include <vector>

namespace kav::providers {
namespace {

constexpr int Streams = 3; // cepstra, first and second differences
constexpr double LeastVariance = 1e-4;

struct StreamMap final {
    std::array<std::array<float, CepstrumSize>, CepstrumSize> a; ///< [to][from]
    std::array<float, CepstrumSize> b;
    std::array<float, CepstrumSize> r;
};

constexpr std::array<StreamMap, Streams> NarrowbandMap{
#include "engine/providers/pocketsphinx/narrowbandmap.inc"
};

/// A file of Gaussian parameters in Sphinx-3 format: text header, then codebooks x streams x densities vectors.
struct Parameters final {
    int codebooks = 0, densities = 0;
    std::vector<float> values;
};

Error unreadable(const QString& path, const QString& why)
{
    return Error{Error::Code::Invalid,
        QStringLiteral("The acoustic model's file %1 is not what Kav can adapt: %2.").arg(path, why),
        QStringLiteral("Debian package pocketsphinx-en-us")};
}

Result<Parameters> readParameters(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        return Error{Error::Code::NotFound, QStringLiteral("The acoustic model has no readable file %1.").arg(path),
            QStringLiteral("Debian package pocketsphinx-en-us")};
    const QByteArray bytes = file.readAll();
    const qsizetype header = bytes.indexOf("endhdr\n");
    if (!bytes.startsWith("s3\n") || header < 0)
        return unreadable(path, QStringLiteral("no Sphinx-3 header"));
    qsizetype at = header + 7;
    std::array<qint32, 5 + Streams> words{}; // byte order mark, codebooks, streams, densities, lengths, count of values
    if (bytes.size() - at < qsizetype(sizeof words))
        return unreadable(path, QStringLiteral("cut short"));
    for (qint32& word : words) {
        word = qFromLittleEndian<qint32>(bytes.constData() + at);
        at += 4;
    }
    Parameters parameters;
    parameters.codebooks = words[1];
    parameters.densities = words[3];
    const bool shaped = words[0] == 0x11223344 && words[2] == Streams && words[1] > 0 && words[1] < 10000
        && words[3] > 0 && words[3] < 10000 && words[4] == CepstrumSize && words[5] == CepstrumSize
        && words[6] == CepstrumSize && qint64(words[7]) == qint64(words[1]) * words[3] * Streams * CepstrumSize;
    if (!shaped)
        return unreadable(path, QStringLiteral("not three streams of %1 values").arg(CepstrumSize));
    if ((bytes.size() - at) / 4 < words[7])
        return unreadable(path, QStringLiteral("cut short"));
    parameters.values.resize(std::size_t(words[7]));
    for (float& value : parameters.values) {
        value = qFromLittleEndian<float>(bytes.constData() + at);
        at += 4;
    }
    return parameters;
}

Result<void> writeParameters(const QString& path, const Parameters& parameters)
{
    QByteArray bytes("s3\nversion 1.0\nendhdr\n");
    const auto add = [&](auto value) {
        std::array<char, 4> raw{};
        qToLittleEndian(value, raw.data());
        bytes.append(raw.data(), raw.size());
    };
    for (const qint32 word : {0x11223344, parameters.codebooks, Streams, parameters.densities, CepstrumSize,
             CepstrumSize, CepstrumSize, qint32(parameters.values.size())})
        add(word);
    for (const float value : parameters.values)
        add(value);
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size() || !file.flush())
        return Error{Error::Code::Io, QStringLiteral("The adapted acoustic model cannot be written to %1.").arg(path),
            file.errorString()};
    return {};
}

void adapt(Parameters& means, Parameters& variances)
{
    std::array<double, CepstrumSize> mean{}, variance{};
    const std::size_t vectors = means.values.size() / CepstrumSize;
    for (std::size_t v = 0; v < vectors; ++v) {
        const StreamMap& map = NarrowbandMap[v / std::size_t(means.densities) % Streams];
        float* m = means.values.data() + v * CepstrumSize;
        float* s = variances.values.data() + v * CepstrumSize;
        for (std::size_t i = 0; i < CepstrumSize; ++i) {
            mean[i] = map.b[i];
            variance[i] = map.r[i];
            for (std::size_t j = 0; j < CepstrumSize; ++j) {
                mean[i] += double(map.a[i][j]) * m[j];
                variance[i] += double(map.a[i][j]) * map.a[i][j] * std::max(double(s[j]), LeastVariance);
            }
        }
        for (std::size_t i = 0; i < CepstrumSize; ++i) {
            m[i] = float(mean[i]);
            s[i] = float(variance[i]);
        }
    }
}

} // namespace

Result<NarrowbandModel> NarrowbandModel::make(const QString& directory)
{
    const QDir from(directory);
    auto means = readParameters(from.filePath(QStringLiteral("means")));
    if (!means)
        return means.error();
    auto variances = readParameters(from.filePath(QStringLiteral("variances")));
    if (!variances)
        return variances.error();
    if (means->values.size() != variances->values.size() || means->densities != variances->densities)
        return unreadable(directory, QStringLiteral("means and variances differ in shape"));
    adapt(*means, *variances);

    NarrowbandModel model;
    model.m_directory =
        std::make_unique<QTemporaryDir>(QDir::tempPath() + QStringLiteral("/kav-acoustic-model-XXXXXX"));
    if (!model.m_directory->isValid())
        return Error{Error::Code::Io,
            QStringLiteral("The adapted acoustic model has no place in %1.").arg(QDir::tempPath()),
            model.m_directory->errorString()};
    const QDir to(model.directory());
    if (const auto written = writeParameters(to.filePath(QStringLiteral("means")), *means); !written)
        return written.error();
    if (const auto written = writeParameters(to.filePath(QStringLiteral("variances")), *variances); !written)
        return written.error();
    for (const char* name : {"feat.params", "mdef", "noisedict", "sendump", "transition_matrices"}) {
        const QFileInfo file(from.filePath(QLatin1String(name)));
        if (!file.isReadable() || !QFile::link(file.absoluteFilePath(), to.filePath(QLatin1String(name))))
            return Error{Error::Code::NotFound,
                QStringLiteral("The acoustic model has no readable file %1.").arg(file.filePath()),
                QStringLiteral("Debian package pocketsphinx-en-us")};
    }
    return model;
}

} // namespace kav::providers
