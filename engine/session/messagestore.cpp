// SPDX-License-Identifier: Apache-2.0
#include "engine/session/messagestore.h"

#include "shared/core/logging.h"

#include <QDir>
#include <QFile>

namespace kav::session {

MessageStore::MessageStore(const QString& directory)
    : m_directory(directory)
    , m_anchor(std::make_unique<QObject>())
{
    m_thread.setObjectName(QStringLiteral("messages"));
    m_anchor->moveToThread(&m_thread);
    m_thread.start();
}

MessageStore::~MessageStore()
{
    // Queued behind everything that was posted.
    QMetaObject::invokeMethod(
        m_anchor.get(), [this] { m_open.clear(); }, Qt::BlockingQueuedConnection);
    m_thread.quit();
    m_thread.wait();
}

void MessageStore::post(std::function<void()> work)
{
    QMetaObject::invokeMethod(m_anchor.get(), std::move(work), Qt::QueuedConnection);
}

void MessageStore::begin(const QString& ref)
{
    post([this, ref] {
        QDir().mkpath(m_directory);
        auto writer = media::WavWriter::create(QDir(m_directory).filePath(ref), media::SampleRate, 1);
        if (writer)
            m_open.emplace(ref, std::move(*writer));
        else
            fail(ref, writer.error());
    });
}

void MessageStore::append(const QString& ref, std::vector<qint16> samples)
{
    post([this, ref, samples = std::move(samples)] {
        const auto open = m_open.find(ref);
        if (open == m_open.end())
            return; // begin() failed, and said so
        const auto written = open->second->write(samples);
        if (!written) {
            m_open.erase(open);
            fail(ref, written.error());
        }
    });
}

void MessageStore::finish(const QString& ref)
{
    post([this, ref] {
        const auto open = m_open.find(ref);
        if (open == m_open.end())
            return;
        const auto closed = open->second->close();
        m_open.erase(open);
        if (!closed)
            fail(ref, closed.error());
    });
}

void MessageStore::discard(const QString& ref)
{
    post([this, ref] {
        m_open.erase(ref);
        QFile::remove(QDir(m_directory).filePath(ref));
    });
}

void MessageStore::fail(const QString& ref, const Error& error)
{
    qCWarning(lcSession).noquote() << "message" << ref << "could not be kept:" << toString(error);
    Q_EMIT failed(ref, error);
}

MessageRecorder::MessageRecorder(MessageStore& store, QString ref)
    : m_store(store)
    , m_ref(std::move(ref))
{
    m_store.begin(m_ref);
}

MessageRecorder::~MessageRecorder()
{
    if (m_discarded)
        return;
    if (!m_piece.empty())
        m_store.append(m_ref, std::move(m_piece));
    m_store.finish(m_ref);
}

void MessageRecorder::write(const media::PcmFrame& frame)
{
    m_samples += frame.size();
    m_piece.insert(m_piece.end(), frame.begin(), frame.end());
    if (m_piece.size() < media::SampleRate / 2)
        return;
    m_store.append(m_ref, std::exchange(m_piece, {}));
}

void MessageRecorder::discard()
{
    m_discarded = true;
    m_store.discard(m_ref);
}

} // namespace kav::session
