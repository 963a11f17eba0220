// SPDX-License-Identifier: Apache-2.0
#include <QDir>
#include <QFile>
#include <QProcess>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>
#include <QXmlStreamReader>

// The translation files against the sources: nothing missing, nothing left over, nothing unfinished, and every
// placeholder in its place.
namespace {

struct Message final {
    QString context, source, comment;
    bool numerus = false, finished = true;
    QStringList forms;

    QString key() const
    {
        return QStringList{context, source, comment, numerus ? QStringLiteral("n") : QString()}.join(
            QStringLiteral(" | "));
    }
};

QList<Message> readMessages(const QByteArray& ts)
{
    QList<Message> messages;
    QString context;
    QXmlStreamReader xml(ts);
    while (!xml.atEnd()) {
        if (xml.readNext() == QXmlStreamReader::StartElement) {
            if (xml.name() == QLatin1String("name")) {
                context = xml.readElementText();
            } else if (xml.name() == QLatin1String("message")) {
                messages.append(
                    {context, {}, {}, xml.attributes().value(QLatin1String("numerus")) == u"yes", true, {}});
            } else if (xml.name() == QLatin1String("source")) {
                messages.last().source = xml.readElementText();
            } else if (xml.name() == QLatin1String("comment")) {
                messages.last().comment = xml.readElementText();
            } else if (xml.name() == QLatin1String("translation")) {
                messages.last().finished = !xml.attributes().hasAttribute(QLatin1String("type"));
                if (!messages.last().numerus)
                    messages.last().forms += xml.readElementText();
            } else if (xml.name() == QLatin1String("numerusform")) {
                messages.last().forms += xml.readElementText();
            }
        }
    }
    return xml.hasError() ? QList<Message>() : messages;
}

QStringList placeholders(const QString& text)
{
    static const QRegularExpression placeholder(QStringLiteral("%(?:L?[0-9]{1,2}|n)"));
    QStringList found;
    auto matches = placeholder.globalMatch(text);
    while (matches.hasNext())
        found += matches.next().captured(0);
    found.sort();
    return found;
}

/// What is wrong with a translation; empty: nothing.
QStringList faults(const Message& message)
{
    QStringList found;
    const auto fault = [&](const QString& what) { found += message.key() + QStringLiteral(": ") + what; };
    if (!message.finished)
        fault(QStringLiteral("unfinished"));
    if (message.forms.size() != (message.numerus ? 2 : 1))
        fault(QStringLiteral("%1 forms").arg(message.forms.size()));
    for (int i = 0; i < message.forms.size(); ++i) {
        const QString& form = message.forms[i];
        if (form.trimmed().isEmpty())
            fault(QStringLiteral("empty"));
        QStringList wanted = placeholders(message.source), has = placeholders(form);
        // "One call" says its number in a word.
        if (message.numerus && i == 0) {
            wanted.removeAll(QStringLiteral("%n"));
            has.removeAll(QStringLiteral("%n"));
        }
        if (wanted != has)
            fault(
                QStringLiteral("has %1 instead of %2").arg(has.join(QLatin1Char(' ')), wanted.join(QLatin1Char(' '))));
        if (message.source.endsWith(QChar(0x2026)) != form.endsWith(QChar(0x2026)))
            fault(QStringLiteral("an ellipsis at the end of one only"));
        if (form.contains(QLatin1Char('&')) && !message.source.contains(QLatin1Char('&')))
            fault(QStringLiteral("a mnemonic where the source has none"));
    }
    return found;
}

QByteArray contentOf(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

} // namespace

class TstTranslations final : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void faultsAreFound_data()
    {
        QTest::addColumn<QString>("source");
        QTest::addColumn<QString>("translation");
        QTest::addColumn<int>("count");
        QTest::newRow("good") << "%1 of %2"
                              << "%2 %1" << 0;
        QTest::newRow("a placeholder missing") << "%1 of %2"
                                               << "%1" << 1;
        QTest::newRow("another placeholder") << "%1"
                                             << "%2" << 1;
        QTest::newRow("a placeholder twice") << "%1"
                                             << "%1 %1" << 1;
        QTest::newRow("empty") << "word"
                               << " " << 1;
        QTest::newRow("ellipsis lost") << QStringLiteral("Open…") << "Open" << 1;
        QTest::newRow("mnemonic from nowhere") << "A and B"
                                               << "A & B" << 1;
        QTest::newRow("a per cent sign") << "100 %"
                                         << "100 %" << 0;
    }
    void faultsAreFound()
    {
        QFETCH(QString, source);
        QFETCH(QString, translation);
        QTEST(int(faults({QStringLiteral("C"), source, {}, false, true, {translation}}).size()), "count");
    }

    void faultsOfPluralsAreFound()
    {
        const auto count = [](const QStringList& forms) {
            return faults({QStringLiteral("C"), QStringLiteral("%n call(s)"), {}, true, true, forms}).size();
        };
        QCOMPARE(count({QStringLiteral("one call"), QStringLiteral("%n calls")}), 0);
        QCOMPARE(count({QStringLiteral("%n call"), QStringLiteral("%n calls")}), 0);
        QCOMPARE(count({QStringLiteral("%n call"), QStringLiteral("calls")}), 1);
        QCOMPARE(count({QStringLiteral("%n call")}), 1);
    }

    void anUnfinishedTranslationIsFound()
    {
        const auto messages = readMessages("<TS><context><name>C</name><message><source>a</source>"
                                           "<translation type=\"unfinished\">b</translation></message></context></TS>");
        QCOMPARE(messages.size(), 1);
        QCOMPARE(faults(messages.first()).size(), 1);
    }

    void everyTextIsTranslated_data() { languages(); }
    void everyTextIsTranslated()
    {
        QFETCH(QString, file);
        const auto messages = readMessages(contentOf(folder().filePath(file)));
        QVERIFY(!messages.isEmpty());
        QStringList found;
        for (const Message& message : messages)
            found += faults(message);
        QCOMPARE(found.join(QLatin1Char('\n')), QString());
    }

    /// If this fails: cmake --build --preset dev --target update-translations, and translate what is new.
    void theFileHasTheTextsOfTheSources_data() { languages(); }
    void theFileHasTheTextsOfTheSources()
    {
        QFETCH(QString, file);
        QFETCH(bool, pluralOnly);
        QTemporaryDir temporary;
        const QString fresh = temporary.filePath(file);
        QStringList args{QStringLiteral("-silent"), QStringLiteral("-no-obsolete"), QStringLiteral("-extensions"),
            QStringLiteral("cpp,h"), QStringLiteral(KAV_SOURCE_DIR "/console"), QStringLiteral("-I"),
            QStringLiteral(KAV_SOURCE_DIR), QStringLiteral("-ts"), fresh};
        if (pluralOnly)
            args.prepend(QStringLiteral("-pluralonly"));
        QProcess lupdate;
        lupdate.start(QStringLiteral(KAV_LUPDATE), args);
        QVERIFY2(lupdate.waitForFinished(60000) && lupdate.exitCode() == 0, qPrintable(lupdate.errorString()));

        const auto keysOf = [](const QList<Message>& messages) {
            QStringList keys;
            for (const Message& message : messages)
                keys += message.key();
            keys.sort();
            return keys;
        };
        const QStringList wanted = keysOf(readMessages(contentOf(fresh)));
        const QStringList has = keysOf(readMessages(contentOf(folder().filePath(file))));
        QVERIFY(wanted.size() > 2);
        QStringList differences;
        for (const QString& key : wanted) {
            if (!has.contains(key))
                differences += QStringLiteral("missing: ") + key;
        }
        for (const QString& key : has) {
            if (!wanted.contains(key))
                differences += QStringLiteral("left over: ") + key;
        }
        QCOMPARE(differences.join(QLatin1Char('\n')), QString());
    }

private:
    static QDir folder() { return QDir(QStringLiteral(KAV_SOURCE_DIR "/resources/translations")); }
    static void languages()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<bool>("pluralOnly");
        QTest::newRow("en") << "kav-console_en.ts" << true;
        QTest::newRow("he") << "kav-console_he.ts" << false;
    }
};

QTEST_GUILESS_MAIN(TstTranslations)
#include "tst_translations.moc"
