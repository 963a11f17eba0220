// SPDX-License-Identifier: Apache-2.0
#include "tests/evidence/archives.h"

#include <QFile>

#include <archive.h>
#include <archive_entry.h>
#include <memory>

namespace kav::test {

QMap<QString, QByteArray> filesInArchive(const QString& path)
{
    QMap<QString, QByteArray> files;
    const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), &archive_read_free);
    archive_read_support_format_zip(reader.get());
    if (archive_read_open_filename(reader.get(), QFile::encodeName(path).constData(), 65536) != ARCHIVE_OK)
        return {};
    archive_entry* entry = nullptr;
    while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
        QByteArray content(qsizetype(archive_entry_size(entry)), '\0');
        if (archive_read_data(reader.get(), content.data(), std::size_t(content.size())) != content.size())
            return {};
        files.insert(QString::fromUtf8(archive_entry_pathname(entry)), content);
    }
    return files;
}

} // namespace kav::test
