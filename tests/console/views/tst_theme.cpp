// SPDX-License-Identifier: Apache-2.0
#include "console/views/celldelegate.h"
#include "console/views/theme.h"

#include <QDir>
#include <QFile>
#include <QPainter>
#include <QPixmapCache>
#include <QSvgRenderer>
#include <QTest>
#include <QXmlStreamReader>

using namespace kav;
using namespace kav::console;

namespace {

/// But what the offscreen platform says of windows that it cannot raise or hint sizes to.
const QRegularExpression AnyWarning(QStringLiteral("^(?!This plugin does not support)"));

const QString IconFolder = QStringLiteral(KAV_SOURCE_DIR "/resources/icons/");

template <typename T> QStringList iconsOf(int count)
{
    QStringList names;
    for (int value = 0; value < count; ++value)
        names += lookOf(static_cast<T>(value)).icon;
    return names;
}

/// What an icon puts on paper of `ground`.
QImage drawn(const QIcon& icon, int extent, const QColor& ground)
{
    QImage image(extent, extent, QImage::Format_ARGB32_Premultiplied);
    image.fill(ground);
    QPainter painter(&image);
    icon.paint(&painter, image.rect());
    return image;
}

int pixelsUnlike(const QImage& image, const QColor& ground)
{
    int count = 0;
    for (int y = 0; y < image.height(); ++y) {
        for (int x = 0; x < image.width(); ++x)
            count += image.pixelColor(x, y) != ground;
    }
    return count;
}

} // namespace

class TestTheme final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init()
    {
        QTest::failOnWarning(AnyWarning);
        QPixmapCache::clear();
    }

    void everyToneCanBeReadOnEveryGround_data()
    {
        QTest::addColumn<QPalette>("palette");
        QTest::addColumn<bool>("dark");
        QTest::newRow("the desk's light palette") << Theme::palette(false) << false;
        QTest::newRow("the desk's dark palette") << Theme::palette(true) << true;
        QTest::newRow("a palette of a system that is light") << QPalette(QColor(0xffefefef)) << false;
        QTest::newRow("a palette of a system that is dark") << QPalette(QColor(0xff353535)) << true;
        QPalette high(Qt::black);
        high.setColor(QPalette::Base, Qt::black);
        high.setColor(QPalette::Text, Qt::white);
        QTest::newRow("high contrast") << high << true;
        // Neither light nor dark: the table's colours must be mended there.
        QPalette middle(QColor(0xff9a9a9a));
        middle.setColor(QPalette::Base, QColor(0xffb0b0b0));
        middle.setColor(QPalette::AlternateBase, QColor(0xffa8a8a8));
        middle.setColor(QPalette::Text, Qt::black);
        QTest::newRow("a grey palette") << middle << false;
    }
    void everyToneCanBeReadOnEveryGround()
    {
        QFETCH(const QPalette, palette);
        QFETCH(const bool, dark);
        const Theme theme(palette);
        QCOMPARE(theme.isDark(), dark);
        for (int value = 0; value < ToneCount; ++value) {
            const auto tone = static_cast<Tone>(value);
            for (const QColor& ground : {palette.color(QPalette::Base), palette.color(QPalette::AlternateBase),
                     palette.color(QPalette::Window), theme.ground(tone)}) {
                const double contrast = Theme::contrast(theme.color(tone), ground);
                QVERIFY2(contrast >= Theme::EnoughContrast,
                    qPrintable(QStringLiteral("tone %1: %2 on %3 is %4:1")
                                   .arg(value)
                                   .arg(theme.color(tone).name(), ground.name())
                                   .arg(contrast)));
            }
        }
    }

    void theDesksOwnPalettesAreReadableToo_data()
    {
        QTest::addColumn<bool>("dark");
        QTest::newRow("light") << false;
        QTest::newRow("dark") << true;
    }
    void theDesksOwnPalettesAreReadableToo()
    {
        QFETCH(const bool, dark);
        const QPalette palette = Theme::palette(dark);
        const Theme theme(palette);
        const std::pair<QPalette::ColorRole, QPalette::ColorRole> pairs[] = {{QPalette::Text, QPalette::Base},
            {QPalette::Text, QPalette::AlternateBase}, {QPalette::WindowText, QPalette::Window},
            {QPalette::ButtonText, QPalette::Button}, {QPalette::HighlightedText, QPalette::Highlight},
            {QPalette::ToolTipText, QPalette::ToolTipBase}, {QPalette::PlaceholderText, QPalette::Base},
            {QPalette::PlaceholderText, QPalette::Window}, {QPalette::Link, QPalette::Base}};
        for (const auto& [ink, ground] : pairs)
            QVERIFY2(Theme::contrast(palette.color(ink), palette.color(ground)) >= Theme::EnoughContrast,
                qPrintable(QString::number(ink)));
        // On a selection the tones keep their colour.
        for (int value = 0; value < ToneCount; ++value)
            QVERIFY2(theme.colorOn(palette.color(QPalette::Highlight), static_cast<Tone>(value), Qt::magenta)
                    != QColor(Qt::magenta),
                qPrintable(QString::number(value)));
    }

    void onAStrangeSelectionTheFallbackIsTaken()
    {
        const Theme theme(Theme::palette(false));
        QCOMPARE(theme.colorOn(theme.color(Tone::Caller), Tone::Caller, Qt::white), QColor(Qt::white));
    }

    void contrastIsAsWcagReckonsIt()
    {
        QCOMPARE(qRound(Theme::contrast(Qt::black, Qt::white) * 100), 2100);
        QCOMPARE(qRound(Theme::contrast(Qt::white, Qt::white) * 100), 100);
        QCOMPARE(qRound(Theme::contrast(QColor(0xff767676), Qt::white) * 100), 454);
    }

    void everyStateHasAnIconOfItsOwn()
    {
        const QStringList calls = iconsOf<CallState>(static_cast<int>(CallState::Ended) + 1);
        const QStringList lamps = iconsOf<ServicesModel::Lamp>(static_cast<int>(ServicesModel::Lamp::Unknown) + 1);
        const QStringList links = iconsOf<LinkState>(static_cast<int>(LinkState::Refused) + 1);
        for (const QStringList& names : {calls, lamps, links}) {
            QCOMPARE(QSet<QString>(names.begin(), names.end()).size(), names.size());
            for (const QString& name : names)
                QVERIFY2(QFile::exists(IconFolder + name + QStringLiteral(".svg")), qPrintable(name));
        }
        for (int reason = static_cast<int>(EndReason::Completed); reason <= static_cast<int>(EndReason::Fax);
             ++reason)
            QVERIFY(QFile::exists(IconFolder + lookOf(static_cast<EndReason>(reason)).icon + QStringLiteral(".svg")));
    }

    void everyIconIsInkedInItsToneAtEverySize_data()
    {
        QTest::addColumn<QString>("name");
        const QStringList files = QDir(IconFolder).entryList({QStringLiteral("*.svg")});
        QVERIFY(files.size() >= 30);
        for (const QString& file : files)
            QTest::newRow(qPrintable(file)) << file.chopped(4);
    }
    void everyIconIsInkedInItsToneAtEverySize()
    {
        QFETCH(const QString, name);
        QFile file(IconFolder + name + QStringLiteral(".svg"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QByteArray svg = file.readAll();
        QVERIFY(QSvgRenderer(svg).isValid());
        QVERIFY2(svg.contains("#000000"), "the colour that is replaced");
        QVERIFY(QFile::exists(QStringLiteral(":/icons/%1.svg").arg(name)));

        const Theme theme(Theme::palette(false));
        const QIcon icon = theme.icon(name, Tone::Bad);
        QVERIFY(!icon.isNull());
        for (const int extent : {12, 16, 32, 48}) {
            const QImage image = drawn(icon, extent, Qt::white);
            const int inked = pixelsUnlike(image, Qt::white);
            QVERIFY2(inked > extent / 2 && inked < extent * extent * 3 / 4, qPrintable(QString::number(inked)));
            // The ink is red, not black: the greenest point of it is still less green than red.
            for (int y = 0; y < extent; ++y) {
                for (int x = 0; x < extent; ++x) {
                    const QColor point = image.pixelColor(x, y);
                    QVERIFY(point == Qt::white || point.red() > point.green());
                }
            }
        }
    }

    void anIconThatIsNotThereIsNull()
    {
        QVERIFY(Theme(Theme::palette(false)).icon(QStringLiteral("no-such"), Tone::Calm).isNull());
    }

    void aDisabledIconIsFainter()
    {
        const QPalette palette = Theme::palette(false);
        const QIcon icon = Theme(palette).icon(QStringLiteral("interrupt"), Tone::Neutral);
        QVERIFY(icon.pixmap(32, QIcon::Disabled).toImage() != icon.pixmap(32, QIcon::Normal).toImage());
    }
};

QTEST_MAIN(TestTheme)
#include "tst_theme.moc"
