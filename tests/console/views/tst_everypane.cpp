// SPDX-License-Identifier: Apache-2.0
#include "console/views/calllogpane.h"
#include "console/views/callpane.h"
#include "console/views/connectdialog.h"
#include "console/views/linkbanner.h"
#include "console/views/stopbanner.h"
#include "console/views/livecallspane.h"
#include "console/views/servicebar.h"
#include "console/views/placecalldialog.h"
#include "console/views/testcalldialog.h"
#include "console/views/theme.h"
#include "tests/console/views/benchdesk.h"

#include <QAbstractButton>
#include <QAccessible>
#include <QAccessibleInterface>
#include <QApplication>
#include <QLabel>
#include <QLineEdit>
#include <QTest>
#include <QTranslator>

#include <memory>
#include <vector>

using namespace kav;
using namespace kav::console;
using namespace kav::test;

namespace {

/// Every sentence between marks: what is not marked on screen was not translated anew.
class MarkingTranslator final : public QTranslator {
public:
    bool isEmpty() const override { return false; }
    QString translate(const char* context, const char* text, const char*, int) const override
    {
        return QLatin1String(context).startsWith(QLatin1String("kav::"))
            ? QStringLiteral("«%1»").arg(QString::fromUtf8(text))
            : QString();
    }
};

/// All of the views over one desk, with a call on screen.
struct AllPanes final {
    AllPanes()
    {
        auto snapshot = bench.busy();
        snapshot.engine.draining = true; // else its banner would be empty
        snapshot.engine.remaining = 7;
        bench.goLive(snapshot);
        bench.desk.selectCall(QStringLiteral("CA%1").arg(1, 32, 16, QLatin1Char('0')));
        panes.push_back(std::make_unique<LiveCallsPane>(bench.desk));
        panes.push_back(std::make_unique<CallPane>(bench.desk));
        panes.push_back(std::make_unique<CallLogPane>(bench.desk));
        panes.push_back(std::make_unique<ServiceBar>(bench.desk));
        panes.push_back(std::make_unique<TestCallDialog>(bench.desk));
        panes.push_back(std::make_unique<PlaceCallDialog>(bench.desk));
        panes.push_back(std::make_unique<ConnectDialog>(ConnectDialog::Values(), QStringList()));
        panes.push_back(std::make_unique<LinkBanner>(bench.desk));
        panes.push_back(std::make_unique<StopBanner>(bench.desk));
        for (const auto& pane : panes)
            pane->show();
    }
    BenchDesk bench;
    std::vector<std::unique_ptr<QWidget>> panes;
};

QString placeOf(const QWidget* widget)
{
    return QStringLiteral("%1 in %2: “%3”")
        .arg(QLatin1String(widget->metaObject()->className()),
            QLatin1String(widget->window()->metaObject()->className()), widget->accessibleName());
}

} // namespace

/// What holds for every pane alike.
class TestEveryPane final : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { QTest::failOnWarning(AnyWarning); }
    void cleanup() { QApplication::setPalette(QPalette()); }

    void whateverTakesTheFocusHasAName()
    {
        AllPanes all;
        int controls = 0;
        for (const auto& pane : all.panes) {
            for (QWidget* widget : pane->findChildren<QWidget*>()) {
                if (!(widget->focusPolicy() & Qt::TabFocus) || widget->focusProxy() || widget->window() != pane.get()
                    || widget->objectName().startsWith(QLatin1String("qt_")))
                    continue;
                QAccessibleInterface* accessible = QAccessible::queryAccessibleInterface(widget);
                QVERIFY2(accessible && !accessible->text(QAccessible::Name).isEmpty(), qPrintable(placeOf(widget)));
                ++controls;
            }
        }
        QVERIFY(controls > 25);
    }

    void everyWordFollowsTheLanguage()
    {
        AllPanes all;
        MarkingTranslator translator;
        QVERIFY(QCoreApplication::installTranslator(&translator));
        QCoreApplication::processEvents(); // the panes get LanguageChange
        all.bench.desk.retranslate();
        int words = 0;
        const auto check = [&](const QWidget* widget, const QString& text) {
            bool wordy = false;
            for (const QChar c : text)
                wordy = wordy || (c.isLetter() && c.isLower());
            // Words of the engine and of the user have no marks; nor do addresses.
            if (!wordy || text.contains(QLatin1String("the disk is full")) || text.contains(QLatin1String("wss://kav")))
                return;
            ++words;
            QVERIFY2(text.contains(QChar(0xab)), qPrintable(placeOf(widget) + text));
        };
        for (const auto& pane : all.panes) {
            check(pane.get(), pane->windowTitle());
            for (const QWidget* widget : pane->findChildren<QWidget*>()) {
                if (widget->objectName().startsWith(QLatin1String("qt_")))
                    continue;
                check(widget, widget->toolTip());
                check(widget, widget->accessibleName());
                if (const auto* label = qobject_cast<const QLabel*>(widget); label && label->isVisible())
                    check(widget, label->text());
                if (const auto* button = qobject_cast<const QAbstractButton*>(widget))
                    check(widget, button->text());
                if (const auto* edit = qobject_cast<const QLineEdit*>(widget))
                    check(widget, edit->placeholderText());
            }
        }
        QCoreApplication::removeTranslator(&translator);
        QVERIFY(words > 60);
    }

    void everyPaneFollowsThePalette()
    {
        AllPanes all;
        QApplication::setPalette(Theme::palette(true));
        QCoreApplication::processEvents();
        for (const auto& pane : all.panes) {
            const Theme theme(pane->palette());
            QVERIFY(theme.isDark());
            for (const QLabel* label : pane->findChildren<QLabel*>()) {
                if (!label->isVisible() || label->text().isEmpty())
                    continue;
                const QPalette palette = label->palette();
                const QColor ground =
                    palette.color(label->autoFillBackground() ? QPalette::Window : pane->backgroundRole());
                QVERIFY2(Theme::contrast(palette.color(label->foregroundRole()), ground) >= Theme::EnoughContrast,
                    qPrintable(placeOf(label) + label->text()));
            }
        }
    }

    void nothingHasAHeightInPixelsOfItsOwn()
    {
        AllPanes all;
        for (const auto& pane : all.panes) {
            const int before = pane->sizeHint().height();
            QFont large = pane->font();
            large.setPointSizeF(large.pointSizeF() * 2);
            pane->setFont(large);
            QCoreApplication::processEvents();
            QVERIFY2(pane->sizeHint().height() > before, qPrintable(placeOf(pane.get())));
        }
    }
};

QTEST_MAIN(TestEveryPane)
#include "tst_everypane.moc"
