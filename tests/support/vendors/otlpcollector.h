// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/vendorserver.h"

#include <QByteArray>
#include <QJsonObject>
#include <QList>
#include <QString>
#include <QStringList>
#include <QThread>

#include <memory>

namespace kav::test {

/// A collector of OpenTelemetry's, as far as OTLP/HTTP with JSON goes: checks every request against the protocol's
/// schema, to the letter, and keeps its spans.
class OtlpCollector final {
public:
    enum class Fault {
        None,
        Limit429, ///< with Retry-After
        Unavailable503, ///< without
        BadRequest400,
        Reset,
        Hang,
        Garbage, ///< no HTTP
        GarbageBody, ///< 200, and no JSON
        SlowBytes, ///< the right answer, a byte at a time
        RejectsOne, ///< partial success
    };

    OtlpCollector();

    QUrl url() const { return m_server.url(QStringLiteral("/v1/traces")); }
    /// Of the next requests, one each; then none.
    QList<Fault> faults;
    int retryAfter = 1; ///< seconds

    int requests() const { return int(m_server.exchanges.size()); }
    int connections() const { return m_server.connections; }
    VendorExchange* lastRequest() const { return m_server.exchanges.last(); }
    QList<QJsonObject> spans; ///< taken, in order
    QJsonObject resource; ///< attributes of the last request's, by name
    QStringList problems; ///< what no collector would take
    QList<QByteArray> bodies; ///< taken

    QList<QJsonObject> named(const QString& name) const;
    QList<QJsonObject> childrenOf(const QJsonObject& span) const; ///< in the order of their beginning
    /// An attribute as text, whatever its type; empty: there is none.
    static QString attribute(const QJsonObject& span, const QString& key);
    static qint64 start(const QJsonObject& span);
    static qint64 end(const QJsonObject& span);
    static QStringList eventNames(const QJsonObject& span);

private:
    void serve(VendorExchange& exchange);
    void take(const VendorExchange& exchange);

    VendorServer m_server;
};

/// One on a thread of its own, for what blocks the test's.
class OtlpCollectorElsewhere final {
public:
    OtlpCollectorElsewhere()
    {
        m_place.moveToThread(&m_thread);
        m_thread.start();
        there([this] { m_collector = std::make_unique<OtlpCollector>(); });
    }
    ~OtlpCollectorElsewhere()
    {
        there([this] { m_collector.reset(); });
        m_thread.quit();
        m_thread.wait();
    }
    QUrl url() const { return m_collector->url(); }
    /// What it has, to be looked at by `look` where it lives.
    template <typename Look> void look(Look look)
    {
        there([this, &look] { look(*m_collector); });
    }

private:
    template <typename Run> void there(Run run)
    {
        QMetaObject::invokeMethod(&m_place, run, Qt::BlockingQueuedConnection);
    }

    QThread m_thread;
    QObject m_place;
    std::unique_ptr<OtlpCollector> m_collector;
};

/// What is wrong with an ExportTraceServiceRequest in OTLP's JSON; empty: nothing.
QStringList otlpProblems(const QByteArray& body);

} // namespace kav::test
