<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="he" sourcelanguage="en">
<context>
    <name>kav::console::AxisHeader</name>
    <message>
        <source>%1 ms</source>
        <extracomment>The end of a time axis: a number of milliseconds.</extracomment>
        <translation>%1 ms</translation>
    </message>
</context>
<context>
    <name>kav::console::BarDelegate</name>
    <message>
        <source>%1: %2 of %3</source>
        <translation>%1: %2 מתוך %3</translation>
    </message>
</context>
<context>
    <name>kav::console::CallLogModel</name>
    <message>
        <source>Began</source>
        <extracomment>Column: when the call began</extracomment>
        <translation>התחילה</translation>
    </message>
    <message>
        <source>Caller</source>
        <extracomment>Column: the number that called</extracomment>
        <translation>מתקשר</translation>
    </message>
    <message>
        <source>Called</source>
        <extracomment>Column: the number that was called</extracomment>
        <translation>אל</translation>
    </message>
    <message>
        <source>Marks</source>
        <extracomment>Column: &quot;Test&quot;</extracomment>
        <translation>סימונים</translation>
    </message>
    <message>
        <source>Time</source>
        <extracomment>Column: how long the call went on</extracomment>
        <translation>משך</translation>
    </message>
    <message>
        <source>Turns</source>
        <extracomment>Column: how many turns the call had</extracomment>
        <translation>תורות</translation>
    </message>
    <message>
        <source>End</source>
        <extracomment>Column: why the call ended</extracomment>
        <translation>סיום</translation>
    </message>
    <message>
        <source>Test</source>
        <extracomment>Mark of a call that is a test</extracomment>
        <translation>בדיקה</translation>
    </message>
    <message>
        <source>Recorded</source>
        <translation>מוקלטת</translation>
    </message>
    <message>
        <source>Call from %1, id %2</source>
        <extracomment>%1: a telephone number; %2: the call&apos;s id</extracomment>
        <translation>שיחה מ־%1, מזהה %2</translation>
    </message>
    <message>
        <source>%1 was called, id %2</source>
        <translation>השיחה אל %1, מזהה %2</translation>
    </message>
    <message>
        <source>Its end is not stored yet.</source>
        <translation>סיומה עוד לא נשמר.</translation>
    </message>
    <message>
        <source>Began at %1, ended at %2</source>
        <extracomment>Times of day</extracomment>
        <translation>התחילה ב־%1, הסתיימה ב־%2</translation>
    </message>
    <message>
        <source>Call from %1, %2, not ended</source>
        <extracomment>Read out. %1: number; %2: date and time</extracomment>
        <translation>שיחה מ־%1, %2, לא הסתיימה</translation>
    </message>
    <message>
        <source>Test call from %1, %2, %3, turns: %4, %5</source>
        <extracomment>Read out. %1: number; %2: date and time; %3: how long; %4: number of turns; %5: why it ended</extracomment>
        <translation>שיחת בדיקה מ־%1, %2, %3, תורות: %4, %5</translation>
    </message>
    <message>
        <source>Call from %1, %2, %3, turns: %4, %5</source>
        <extracomment>Read out. %1: number; %2: date and time; %3: how long; %4: number of turns; %5: why it ended</extracomment>
        <translation>שיחה מ־%1, %2, %3, תורות: %4, %5</translation>
    </message>
</context>
<context>
    <name>kav::console::CallLogPane</name>
    <message>
        <source>Search the whole log: number, call id, end, or what was said</source>
        <translation>חיפוש בכל היומן: מספר, מזהה שיחה, סיבת סיום או מה שנאמר</translation>
    </message>
    <message>
        <source>Search in the call log</source>
        <translation>חיפוש ביומן השיחות</translation>
    </message>
    <message>
        <source>Read the log anew.</source>
        <translation>קריאת היומן מחדש.</translation>
    </message>
    <message>
        <source>Read the log anew</source>
        <translation>קריאת היומן מחדש</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>ניסיון נוסף</translation>
    </message>
    <message>
        <source>Call log</source>
        <translation>יומן שיחות</translation>
    </message>
    <message>
        <source>State of the call log</source>
        <translation>מצב יומן השיחות</translation>
    </message>
    <message numerus="yes">
        <source>Loading more calls after the %n shown…</source>
        <translation>
            <numerusform>נטענות שיחות נוספות אחרי השיחה המוצגת…</numerusform>
            <numerusform>נטענות שיחות נוספות אחרי %n המוצגות…</numerusform>
        </translation>
    </message>
    <message>
        <source>Loading the call log…</source>
        <translation>יומן השיחות נטען…</translation>
    </message>
    <message numerus="yes">
        <source>%n call(s) shown; the log cannot be read without the engine.</source>
        <translation>
            <numerusform>מוצגת שיחה אחת; בלי המנוע אי אפשר לקרוא את היומן.</numerusform>
            <numerusform>מוצגות %n שיחות; בלי המנוע אי אפשר לקרוא את היומן.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n call(s): the whole log.</source>
        <translation>
            <numerusform>שיחה אחת: זה כל היומן.</numerusform>
            <numerusform>%n שיחות: זה כל היומן.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n call(s) match: the whole log was searched.</source>
        <translation>
            <numerusform>שיחה אחת מתאימה: החיפוש נעשה בכל היומן.</numerusform>
            <numerusform>%n שיחות מתאימות: החיפוש נעשה בכל היומן.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n call(s) shown; scroll down for older ones.</source>
        <translation>
            <numerusform>מוצגת שיחה אחת; לשיחות ישנות יותר יש לגלול למטה.</numerusform>
            <numerusform>מוצגות %n שיחות; לשיחות ישנות יותר יש לגלול למטה.</numerusform>
        </translation>
    </message>
    <message>
        <source>The log is the engine&apos;s, and it is not connected.</source>
        <translation>היומן נמצא אצל המנוע, והמנוע אינו מחובר.</translation>
    </message>
    <message>
        <source>The call log could not be read.</source>
        <translation>לא ניתן היה לקרוא את יומן השיחות.</translation>
    </message>
    <message>
        <source>Not connected. The log is the engine&apos;s.</source>
        <translation>אין חיבור. היומן נמצא אצל המנוע.</translation>
    </message>
    <message>
        <source>No call of the log matches.</source>
        <translation>אין ביומן שיחה מתאימה.</translation>
    </message>
    <message>
        <source>The log holds no call yet.</source>
        <translation>אין עדיין שיחות ביומן.</translation>
    </message>
</context>
<context>
    <name>kav::console::CallPane</name>
    <message>
        <source>Choose a call to see what is said.</source>
        <translation>יש לבחור שיחה כדי לראות מה נאמר בה.</translation>
    </message>
    <message>
        <source>Caller</source>
        <translation>המתקשר</translation>
    </message>
    <message>
        <source>State of the call</source>
        <translation>מצב השיחה</translation>
    </message>
    <message>
        <source>Length of the call</source>
        <translation>משך השיחה</translation>
    </message>
    <message>
        <source>Copy the call&apos;s id.</source>
        <translation>העתקת מזהה השיחה.</translation>
    </message>
    <message>
        <source>Copy the call&apos;s id</source>
        <translation>העתקת מזהה השיחה</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Its end is not in the log yet</source>
        <translation>סיומה עוד לא רשום ביומן</translation>
    </message>
    <message>
        <source>Looking for the call…</source>
        <translation>השיחה בחיפוש…</translation>
    </message>
    <message>
        <source>Unknown caller</source>
        <translation>מתקשר לא ידוע</translation>
    </message>
    <message>
        <source>To %1</source>
        <translation>אל %1</translation>
    </message>
    <message>
        <source>Started %1</source>
        <translation>התחילה %1</translation>
    </message>
    <message>
        <source>Language: %1</source>
        <translation>שפה: %1</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <translation>%1, %2</translation>
    </message>
    <message numerus="yes">
        <source>%n turn(s)</source>
        <translation>
            <numerusform>תור אחד</numerusform>
            <numerusform>%n תורות</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n interruption(s)</source>
        <translation>
            <numerusform>קטיעה אחת</numerusform>
            <numerusform>%n קטיעות</numerusform>
        </translation>
    </message>
    <message>
        <source>Not connected. What was said is the engine&apos;s to tell.</source>
        <translation>אין חיבור. רק המנוע יודע מה נאמר.</translation>
    </message>
    <message>
        <source>It rings. Nothing has been said yet.</source>
        <translation>השיחה מצלצלת. עדיין לא נאמר דבר.</translation>
    </message>
    <message>
        <source>Nothing has been said yet.</source>
        <translation>עדיין לא נאמר דבר.</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>ניסיון נוסף</translation>
    </message>
    <message>
        <source>Why the call&apos;s words are not here</source>
        <translation>מדוע מה שנאמר בשיחה אינו כאן</translation>
    </message>
    <message>
        <source>Nothing is known of the call</source>
        <translation>דבר אינו ידוע על השיחה</translation>
    </message>
    <message>
        <source>What was said is not known here.</source>
        <translation>מה שנאמר אינו ידוע כאן.</translation>
    </message>
    <message>
        <source>Fetching what was said…</source>
        <translation>מה שנאמר בטעינה…</translation>
    </message>
    <message>
        <source>The turns before turn %1 are in the call log only.</source>
        <translation>התורות שלפני תור %1 נמצאים ביומן השיחות בלבד.</translation>
    </message>
</context>
<context>
    <name>kav::console::CellDelegate</name>
    <message>
        <source>TEST</source>
        <extracomment>A chip on a test call; at most six letters.</extracomment>
        <translation>בדיקה</translation>
    </message>
    <message>
        <source>REC</source>
        <extracomment>A chip on a call whose sound is kept; at most six letters.</extracomment>
        <translation>מוקלט</translation>
    </message>
</context>
<context>
    <name>kav::console::ConnectDialog</name>
    <message>
        <source>Connect to an engine</source>
        <translation>התחברות למנוע</translation>
    </message>
    <message>
        <source>The engine&apos;s address and the token that its administrator gave you.</source>
        <translation>כתובת המנוע והאסימון שקיבלת ממנהל המערכת שלו.</translation>
    </message>
    <message>
        <source>&amp;Engine:</source>
        <translation>&amp;מנוע:</translation>
    </message>
    <message>
        <source>Address of the engine</source>
        <translation>כתובת המנוע</translation>
    </message>
    <message>
        <source>&amp;Token:</source>
        <translation>&amp;אסימון:</translation>
    </message>
    <message>
        <source>Token, not shown</source>
        <translation>אסימון, אינו מוצג</translation>
    </message>
    <message>
        <source>None, when the engine is on this computer</source>
        <translation>אין צורך, כשהמנוע במחשב הזה</translation>
    </message>
    <message>
        <source>Your &amp;name:</source>
        <translation>&amp;שמך:</translation>
    </message>
    <message>
        <source>Your name</source>
        <translation>שמך</translation>
    </message>
    <message>
        <source>The engine notes it with what you do to a call.</source>
        <translation>המנוע רושם אותו לצד מה שנעשה בשיחה.</translation>
    </message>
    <message>
        <source>&amp;Remember, the token too</source>
        <translation>&amp;זכירה, גם של האסימון</translation>
    </message>
    <message>
        <source>In a file that only you can read.</source>
        <translation>בקובץ שרק לך מותר לקרוא.</translation>
    </message>
    <message>
        <source>Connect</source>
        <translation>התחברות</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>ביטול</translation>
    </message>
    <message>
        <source>For example localhost, or wss://kav.example.com.</source>
        <translation>לדוגמה ⁦localhost⁩ או ⁦wss://kav.example.com⁩.</translation>
    </message>
    <message>
        <source>Connects to %1.</source>
        <translation>החיבור יהיה אל %1.</translation>
    </message>
</context>
<context>
    <name>kav::console::Desk</name>
    <message>
        <source>The console has no live line to the engine.</source>
        <translation>למסוף אין קו פעיל למנוע.</translation>
    </message>
    <message>
        <source>This engine keeps no call log.</source>
        <translation>המנוע הזה אינו מנהל יומן שיחות.</translation>
    </message>
    <message>
        <source>The call is not connected yet.</source>
        <translation>השיחה עוד לא מחוברת.</translation>
    </message>
    <message>
        <source>The agent is silent: there is nothing to interrupt.</source>
        <translation>הסוכן שותק: אין מה לקטוע.</translation>
    </message>
    <message>
        <source>The agent is saying goodbye, which cannot be interrupted.</source>
        <translation>הסוכן נפרד מהמתקשר, ואי אפשר לקטוע זאת.</translation>
    </message>
    <message>
        <source>The call was passed on: the agent is not in it.</source>
        <translation>השיחה הועברה: הסוכן אינו משתתף בה.</translation>
    </message>
    <message>
        <source>The call is over.</source>
        <translation>השיחה הסתיימה.</translation>
    </message>
    <message>
        <source>Not connected to an engine.</source>
        <translation>אין חיבור למנוע.</translation>
    </message>
    <message>
        <source>%1 The next attempt comes in %2.</source>
        <extracomment>%1: a sentence, why the engine refused; %2: a length of time</extracomment>
        <translation>%1 הניסיון הבא בעוד %2.</translation>
    </message>
    <message>
        <source>The line to the engine is lost. The next attempt comes in %1.</source>
        <extracomment>%1: a length of time</extracomment>
        <translation>הקו למנוע אבד. הניסיון הבא בעוד %1.</translation>
    </message>
    <message>
        <source>The engine cannot be reached. The next attempt comes in %1.</source>
        <extracomment>%1: a length of time</extracomment>
        <translation>אי אפשר להגיע אל המנוע. הניסיון הבא בעוד %1.</translation>
    </message>
    <message>
        <source>Connecting to %1.</source>
        <extracomment>%1: name of a machine</extracomment>
        <translation>מתחבר אל %1.</translation>
    </message>
    <message>
        <source>Connected; signing in.</source>
        <translation>מחובר; מזדהה.</translation>
    </message>
    <message>
        <source>Connected; asking the engine what is going on.</source>
        <translation>מחובר; שואל את המנוע מה קורה.</translation>
    </message>
    <message>
        <source>Nothing has come from the engine for %1.</source>
        <extracomment>%1: a length of time</extracomment>
        <translation>כבר %1 לא הגיע דבר מהמנוע.</translation>
    </message>
    <message>
        <source>There is no engine for consoles at this address. Check it in the connection&apos;s settings.</source>
        <translation>בכתובת הזאת אין מנוע למסופים. יש לבדוק אותה בהגדרות החיבור.</translation>
    </message>
    <message>
        <source>%1 What is shown is from %2.</source>
        <extracomment>%1: a sentence on the state of the line; %2: time of day</extracomment>
        <translation>%1 מה שמוצג נכון לשעה %2.</translation>
    </message>
    <message>
        <source>This engine cannot do that.</source>
        <translation>המנוע הזה אינו יודע לעשות זאת.</translation>
    </message>
    <message>
        <source>The engine has not answered yet.</source>
        <translation>המנוע עוד לא השיב.</translation>
    </message>
    <message>
        <source>Select a call first.</source>
        <translation>יש לבחור קודם שיחה.</translation>
    </message>
    <message>
        <source>The agent is saying goodbye already.</source>
        <translation>הסוכן כבר נפרד מהמתקשר.</translation>
    </message>
    <message>
        <source>The engine takes no calls now.</source>
        <translation>המנוע אינו מקבל שיחות כרגע.</translation>
    </message>
    <message>
        <source>The engine has no such service.</source>
        <translation>במנוע אין שירות כזה.</translation>
    </message>
    <message>
        <source>The service is ready.</source>
        <translation>השירות מוכן.</translation>
    </message>
    <message>
        <source>The service is being made ready already.</source>
        <translation>השירות כבר בהפעלה.</translation>
    </message>
    <message>
        <source>The line to the engine was lost before it answered. Whether it was done is not known.</source>
        <translation>הקו למנוע אבד לפני שהשיב. לא ידוע אם הפעולה נעשתה.</translation>
    </message>
    <message>
        <source>This engine does not show its requests.</source>
        <translation>המנוע הזה אינו מציג את הבקשות שהגיעו אליו.</translation>
    </message>
    <message>
        <source>This engine calls nobody: it is not set up for it.</source>
        <translation>המנוע אינו מתקשר לאיש: הוא לא הוגדר לכך.</translation>
    </message>
    <message>
        <source>The call was passed on already.</source>
        <translation>השיחה כבר הועברה.</translation>
    </message>
    <message>
        <source>There is nobody this call could be passed on to: the engine&apos;s settings name no one.</source>
        <translation>אין למי להעביר את השיחה הזאת: הגדרות המנוע אינן מציינות אף אחד.</translation>
    </message>
    <message>
        <source>This engine passes no calls on. It may be older than the console.</source>
        <translation>המנוע הזה אינו מעביר שיחות. ייתכן שהוא ישן מהמסוף.</translation>
    </message>
    <message>
        <source>The call was passed on: the agent is not there to say goodbye.</source>
        <translation>השיחה הועברה: הסוכן אינו שם כדי להיפרד.</translation>
    </message>
    <message>
        <source>This engine makes no evidence for consoles. It may be older than the console.</source>
        <translation>המנוע הזה אינו מכין ראיות למסופים. ייתכן שהוא ישן מהמסוף.</translation>
    </message>
    <message>
        <source>Evidence is being saved already; one at a time.</source>
        <translation>ראיות כבר נשמרות; אחת בכל פעם.</translation>
    </message>
</context>
<context>
    <name>kav::console::EndCallQuestion</name>
    <message>
        <source>End the call?</source>
        <translation>לסיים את השיחה?</translation>
    </message>
    <message>
        <source>A person is on the line. End this call?</source>
        <translation>אדם נמצא על הקו. לסיים את השיחה?</translation>
    </message>
    <message>
        <source>A person is on the line. End the call from %1?</source>
        <translation>אדם נמצא על הקו. לסיים את השיחה מ־%1?</translation>
    </message>
    <message>
        <source>Say goodbye and end</source>
        <translation>להיפרד ולסיים</translation>
    </message>
    <message>
        <source>End at once</source>
        <translation>לסיים מיד</translation>
    </message>
    <message>
        <source>Go on with the call</source>
        <translation>להמשיך בשיחה</translation>
    </message>
</context>
<context>
    <name>kav::console::EngineLamp</name>
    <message>
        <source>%1: %2</source>
        <comment>engine, state of the line</comment>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Choose an engine to connect to</source>
        <translation>בחירת מנוע להתחבר אליו</translation>
    </message>
    <message>
        <source>Engine: %1</source>
        <translation>מנוע: %1</translation>
    </message>
</context>
<context>
    <name>kav::console::EngineUrl</name>
    <message>
        <source>The address is empty</source>
        <translation>הכתובת ריקה</translation>
    </message>
    <message>
        <source>The address has a space or an invisible character in it</source>
        <translation>יש בכתובת רווח או תו בלתי נראה</translation>
    </message>
    <message>
        <source>This is not an address: a host, a port between 1 and 65535 and a path can be given, as in kav.example.com:5000</source>
        <translation>זו אינה כתובת: אפשר לתת מחשב, פורט בין 1 ל־65535 ונתיב, כמו ⁦kav.example.com:5000⁩</translation>
    </message>
    <message>
        <source>There is no port 0</source>
        <translation>אין פורט 0</translation>
    </message>
    <message>
        <source>A name or password does not belong into the address; the token has its own field</source>
        <translation>שם או סיסמה אינם שייכים לכתובת; לאסימון יש שדה משלו</translation>
    </message>
    <message>
        <source>The address ends before &quot;?&quot; and &quot;#&quot;</source>
        <translation>הכתובת מסתיימת לפני ⁦&quot;?&quot;⁩ ו־⁦&quot;#&quot;⁩</translation>
    </message>
    <message>
        <source>An engine&apos;s address begins with ws, wss, http or https, not with &quot;%1&quot;</source>
        <translation>כתובת של מנוע מתחילה ב־ws, ב־wss, ב־http או ב־https, ולא ב־&quot;%1&quot;</translation>
    </message>
    <message>
        <source>A connection to another machine must be encrypted, for the token and the callers&apos; words travel on it: use wss:// or https://</source>
        <translation>חיבור למחשב אחר חייב להיות מוצפן, כי עוברים בו האסימון ודברי המתקשרים: יש להשתמש ב־⁦wss://⁩ או ב־⁦https://⁩</translation>
    </message>
    <message>
        <source>The path of the address is not one</source>
        <translation>הנתיב שבכתובת אינו נתיב</translation>
    </message>
</context>
<context>
    <name>kav::console::EvidenceLine</name>
    <message>
        <source>How much of the evidence is here</source>
        <translation>כמה מהראיות כבר הגיע</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>ביטול</translation>
    </message>
    <message>
        <source>Show in folder</source>
        <translation>הצגה בתיקייה</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <translation>סגירה</translation>
    </message>
    <message>
        <source>Fetching the evidence…</source>
        <translation>הראיות מתקבלות…</translation>
    </message>
    <message>
        <source>The engine makes the evidence…</source>
        <translation>המנוע מכין את הראיות…</translation>
    </message>
    <message>
        <source>Evidence saved: %1</source>
        <translation>הראיות נשמרו: %1</translation>
    </message>
</context>
<context>
    <name>kav::console::EvidenceSaver</name>
    <message>
        <source>The line to the engine was lost before the evidence was all here. Nothing was saved.</source>
        <translation>הקו למנוע אבד לפני שכל הראיות הגיעו. דבר לא נשמר.</translation>
    </message>
    <message>
        <source>Choose where it is to be saved.</source>
        <translation>יש לבחור היכן לשמור.</translation>
    </message>
    <message>
        <source>There is something of that name already. Choose another name, or an empty folder.</source>
        <translation>כבר יש משהו בשם הזה. יש לבחור שם אחר, או תיקייה ריקה.</translation>
    </message>
    <message>
        <source>There is something of that name already. Choose another name.</source>
        <translation>כבר יש משהו בשם הזה. יש לבחור שם אחר.</translation>
    </message>
    <message>
        <source>There is no such folder.</source>
        <translation>אין תיקייה כזאת.</translation>
    </message>
    <message>
        <source>You may not write into that folder.</source>
        <translation>אין הרשאה לכתוב לתיקייה הזאת.</translation>
    </message>
    <message>
        <source>%1 cannot be written: %2</source>
        <extracomment>%1: a path; %2: the system&apos;s reason</extracomment>
        <translation>אי אפשר לכתוב את %1: %2</translation>
    </message>
    <message>
        <source>What came is not what the engine made: the SHA-256 of %1 differs. Nothing was saved.</source>
        <translation>מה שהגיע אינו מה שהמנוע הכין: ה־SHA-256 של %1 שונה. דבר לא נשמר.</translation>
    </message>
    <message>
        <source>The evidence cannot get the name %1. Nothing was saved.</source>
        <translation>אי אפשר לתת לראיות את השם %1. דבר לא נשמר.</translation>
    </message>
</context>
<context>
    <name>kav::console::KeySheet</name>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>קיצורי מקלדת</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>מקשים</translation>
    </message>
    <message>
        <source>What they do</source>
        <translation>מה הם עושים</translation>
    </message>
    <message>
        <source>Up, Down, Home, End</source>
        <translation>חץ למעלה, חץ למטה, Home, End</translation>
    </message>
    <message>
        <source>Move in the list</source>
        <translation>תנועה ברשימה</translation>
    </message>
    <message>
        <source>Enter</source>
        <translation>Enter</translation>
    </message>
    <message>
        <source>Open the call that is selected</source>
        <translation>פתיחת השיחה שנבחרה</translation>
    </message>
    <message>
        <source>Esc</source>
        <translation>Esc</translation>
    </message>
    <message>
        <source>Clear the filter</source>
        <translation>ניקוי הסינון</translation>
    </message>
</context>
<context>
    <name>kav::console::LampPopup</name>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Reason:</source>
        <translation>סיבה:</translation>
    </message>
    <message>
        <source>Since:</source>
        <translation>מאז:</translation>
    </message>
    <message>
        <source>Looked at:</source>
        <translation>נבדק:</translation>
    </message>
    <message>
        <source>Served by:</source>
        <translation>ספק:</translation>
    </message>
    <message>
        <source>in %1, by itself</source>
        <translation>בעוד %1, מעצמו</translation>
    </message>
    <message>
        <source>now, by itself</source>
        <translation>עכשיו, מעצמו</translation>
    </message>
    <message>
        <source>Last start took:</source>
        <translation>ההפעלה האחרונה ארכה:</translation>
    </message>
    <message>
        <source>Next attempt:</source>
        <translation>הניסיון הבא:</translation>
    </message>
    <message>
        <source>Warming…</source>
        <translation>בהפעלה…</translation>
    </message>
    <message>
        <source>Warm again</source>
        <translation>הפעלה מחדש</translation>
    </message>
    <message>
        <source>Make the service anew, without waiting for its time.</source>
        <translation>הקמת השירות מחדש, בלי לחכות לזמנו.</translation>
    </message>
    <message>
        <source>Not now:</source>
        <translation>לא עכשיו:</translation>
    </message>
</context>
<context>
    <name>kav::console::LatencyRows</name>
    <message>
        <source>From the end of the caller&apos;s words to the first sound of the answer, in milliseconds.</source>
        <translation>מסוף דברי המתקשר עד הצליל הראשון של התשובה, במילישניות.</translation>
    </message>
    <message>
        <source>Where the time went</source>
        <translation>לאן הלך הזמן</translation>
    </message>
    <message>
        <source>Turn %1: no answer was heard.</source>
        <translation>תור %1: לא נשמעה תשובה.</translation>
    </message>
    <message>
        <source>%1 %2</source>
        <translation>%1 %2</translation>
    </message>
    <message>
        <source>Turn %1: the caller waited %2: %3.</source>
        <translation>תור %1: המתקשר המתין %2: %3.</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <extracomment>A part of a wait with its length, and whose it was: a provider&apos;s name or a setting&apos;s</extracomment>
        <translation>%1 (%2)</translation>
    </message>
    <message>
        <source>Turn %1: the caller waited %2 for a waiting line: %3.</source>
        <translation>תור %1: המתקשר המתין %2 למשפט המתנה: %3.</translation>
    </message>
</context>
<context>
    <name>kav::console::LatencyView</name>
    <message>
        <source>Pause</source>
        <extracomment>A stretch of the caller&apos;s wait: the silence after which a turn is taken as over.</extracomment>
        <translation>הפוגה</translation>
    </message>
    <message>
        <source>Recognition</source>
        <translation>זיהוי</translation>
    </message>
    <message>
        <source>What the caller waits for:</source>
        <translation>למה המתקשר ממתין:</translation>
    </message>
    <message>
        <source>Latency of each turn</source>
        <translation>זמני ההמתנה בכל תור</translation>
    </message>
    <message>
        <source>Figures</source>
        <extracomment>Shows or hides the columns of figures. A short word on a button.</extracomment>
        <translation>מספרים</translation>
    </message>
    <message>
        <source>Show the figures of every part beside the bars.</source>
        <translation>הצגת המספרים של כל חלק לצד הפסים.</translation>
    </message>
    <message>
        <source>First word</source>
        <extracomment>A stretch of the caller&apos;s wait: until the model begins to answer</extracomment>
        <translation>מילה ראשונה</translation>
    </message>
    <message>
        <source>Sentence</source>
        <extracomment>A stretch of the caller&apos;s wait: from the model&apos;s first word to its first whole sentence</extracomment>
        <translation>משפט</translation>
    </message>
    <message>
        <source>First sound</source>
        <extracomment>A stretch of the caller&apos;s wait: speech synthesis</extracomment>
        <translation>צליל ראשון</translation>
    </message>
    <message>
        <source>Sending</source>
        <extracomment>A stretch of the caller&apos;s wait: until the sound was sent</extracomment>
        <translation>שליחה</translation>
    </message>
    <message>
        <source>A setting: the pause that ends a turn.</source>
        <translation>הגדרה: ההפוגה שמסיימת תור.</translation>
    </message>
    <message>
        <source>Speech recognition, to finish the words.</source>
        <translation>זיהוי הדיבור, להשלמת המילים.</translation>
    </message>
    <message>
        <source>The model, to the first of its answer.</source>
        <translation>המודל, עד תחילת תשובתו.</translation>
    </message>
    <message>
        <source>The model, or a tool that it called, to its first sentence.</source>
        <translation>המודל, או כלי שהפעיל, עד המשפט הראשון שלו.</translation>
    </message>
    <message>
        <source>Speech synthesis, to its first sound.</source>
        <translation>הקראת הדיבור, עד הצליל הראשון שלה.</translation>
    </message>
    <message>
        <source>The engine, until the sound was sent.</source>
        <translation>המנוע, עד שהצליל נשלח.</translation>
    </message>
</context>
<context>
    <name>kav::console::LinkBanner</name>
    <message>
        <source>Retry now</source>
        <translation>ניסיון מיידי</translation>
    </message>
    <message>
        <source>Try to reach the engine without waiting.</source>
        <translation>ניסיון להגיע אל המנוע בלי להמתין.</translation>
    </message>
    <message>
        <source>Connection…</source>
        <translation>חיבור…</translation>
    </message>
    <message>
        <source>Choose the engine and its token.</source>
        <translation>בחירת המנוע והאסימון שלו.</translation>
    </message>
    <message>
        <source>State of the connection</source>
        <translation>מצב החיבור</translation>
    </message>
</context>
<context>
    <name>kav::console::LiveCallsModel</name>
    <message>
        <source>How long the call has been in this state</source>
        <translation>כמה זמן השיחה במצב הזה</translation>
    </message>
    <message>
        <source>How long the call has been going on, or went on</source>
        <translation>כמה זמן השיחה נמשכת, או נמשכה</translation>
    </message>
    <message>
        <source>From the end of the caller&apos;s words to the first sound of the agent&apos;s last answer</source>
        <translation>מסוף דברי המתקשר עד הצליל הראשון של תשובת הסוכן האחרונה</translation>
    </message>
    <message>
        <source>State</source>
        <extracomment>Column: what the call is doing</extracomment>
        <translation>מצב</translation>
    </message>
    <message>
        <source>Caller</source>
        <extracomment>Column: the number that calls</extracomment>
        <translation>מתקשר</translation>
    </message>
    <message>
        <source>Called</source>
        <extracomment>Column: the number that was called</extracomment>
        <translation>אל</translation>
    </message>
    <message>
        <source>Marks</source>
        <extracomment>Column: &quot;Test&quot;, number of interruptions</extracomment>
        <translation>סימונים</translation>
    </message>
    <message>
        <source>In state</source>
        <extracomment>Column: how long the call has been in its state</extracomment>
        <translation>במצב</translation>
    </message>
    <message>
        <source>Time</source>
        <extracomment>Column: how long the call has been going on</extracomment>
        <translation>משך</translation>
    </message>
    <message>
        <source>Turn</source>
        <extracomment>Column: number of the turn (the caller&apos;s words and the agent&apos;s answer)</extracomment>
        <translation>תור</translation>
    </message>
    <message>
        <source>Last wait</source>
        <extracomment>Column: how long the caller waited for the last answer</extracomment>
        <translation>המתנה</translation>
    </message>
    <message>
        <source>Ended: %1</source>
        <extracomment>A call that has ended; %1: why</extracomment>
        <translation>הסתיימה: %1</translation>
    </message>
    <message>
        <source>%1 since %2</source>
        <extracomment>%1: state of a call; %2: time of day</extracomment>
        <translation>%1 מאז %2</translation>
    </message>
    <message>
        <source>Call from %1, id %2</source>
        <extracomment>%1: a telephone number; %2: the call&apos;s id</extracomment>
        <translation>שיחה מ־%1, מזהה %2</translation>
    </message>
    <message>
        <source>%1 was called, id %2</source>
        <translation>השיחה אל %1, מזהה %2</translation>
    </message>
    <message>
        <source>Began at %1, ended at %2</source>
        <extracomment>Times of day</extracomment>
        <translation>התחילה ב־%1, הסתיימה ב־%2</translation>
    </message>
    <message>
        <source>Began at %1</source>
        <translation>התחילה ב־%1</translation>
    </message>
    <message>
        <source>The caller waited %1 for the last answer</source>
        <translation>המתקשר המתין %1 לתשובה האחרונה</translation>
    </message>
    <message>
        <source>Test</source>
        <extracomment>Mark of a call that is a test</extracomment>
        <translation>בדיקה</translation>
    </message>
    <message>
        <source>Recorded</source>
        <extracomment>Mark of a call whose sound is kept</extracomment>
        <translation>מוקלטת</translation>
    </message>
    <message>
        <source>Without a stream</source>
        <extracomment>Mark of a call that is held by Twilio&apos;s own recogniser and voice, for want of an audio stream</extracomment>
        <translation>ללא זרם שמע</translation>
    </message>
    <message>
        <source>Interruptions: %1</source>
        <extracomment>Mark of a call: how often the caller interrupted the agent</extracomment>
        <translation>קטיעות: %1</translation>
    </message>
    <message>
        <source>Call from %1, %2, %3, turn %4, a command is on its way</source>
        <extracomment>Read out. %1: number; %2: state; %3: how long the call goes on; %4: number of the turn</extracomment>
        <translation>שיחה מ־%1, %2, %3, תור %4, פקודה בדרך</translation>
    </message>
    <message>
        <source>Call from %1, %2, %3, turn %4, waiting for %5</source>
        <extracomment>Read out. %5: how long the caller has been waiting</extracomment>
        <translation>שיחה מ־%1, %2, %3, תור %4, ממתין כבר %5</translation>
    </message>
    <message>
        <source>Test call from %1, %2, %3, turn %4</source>
        <extracomment>Read out. %1: number; %2: state; %3: how long the call goes on; %4: number of the turn</extracomment>
        <translation>שיחת בדיקה מ־%1, %2, %3, תור %4</translation>
    </message>
    <message>
        <source>Call from %1, %2, %3, turn %4</source>
        <extracomment>Read out. %1: number; %2: state; %3: how long the call goes on; %4: number of the turn</extracomment>
        <translation>שיחה מ־%1, %2, %3, תור %4</translation>
    </message>
</context>
<context>
    <name>kav::console::LiveCallsPane</name>
    <message>
        <source>Filter by number, call id or state</source>
        <translation>סינון לפי מספר, מזהה שיחה או מצב</translation>
    </message>
    <message>
        <source>Filter of the live calls</source>
        <translation>סינון השיחות הפעילות</translation>
    </message>
    <message>
        <source>All</source>
        <extracomment>Which calls are shown: all kinds. A short word on a button.</extracomment>
        <translation>הכול</translation>
    </message>
    <message>
        <source>Show callers and test calls.</source>
        <translation>הצגת מתקשרים ושיחות בדיקה.</translation>
    </message>
    <message>
        <source>Callers</source>
        <extracomment>Which calls are shown: those of people. A short word on a button.</extracomment>
        <translation>מתקשרים</translation>
    </message>
    <message>
        <source>Show the calls of people only.</source>
        <translation>הצגת שיחות של אנשים בלבד.</translation>
    </message>
    <message>
        <source>Tests</source>
        <extracomment>Which calls are shown: test calls. A short word on a button.</extracomment>
        <translation>בדיקות</translation>
    </message>
    <message>
        <source>Show test calls only.</source>
        <translation>הצגת שיחות בדיקה בלבד.</translation>
    </message>
    <message>
        <source>Clear filters</source>
        <translation>ניקוי הסינון</translation>
    </message>
    <message>
        <source>How many calls are shown</source>
        <translation>כמה שיחות מוצגות</translation>
    </message>
    <message>
        <source>Live calls</source>
        <translation>שיחות פעילות</translation>
    </message>
    <message numerus="yes">
        <source>%1 of %n call(s)</source>
        <translation>
            <numerusform>%1 מתוך שיחה אחת</numerusform>
            <numerusform>%1 מתוך %n שיחות</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n call(s)</source>
        <translation>
            <numerusform>שיחה אחת</numerusform>
            <numerusform>%n שיחות</numerusform>
        </translation>
    </message>
    <message>
        <source>%1. The filter hides a call that waits too long.</source>
        <translation>%1. הסינון מסתיר שיחה שממתינה יותר מדי זמן.</translation>
    </message>
    <message>
        <source>Not connected. Which calls there are is not known.</source>
        <translation>אין חיבור. לא ידוע אילו שיחות מתנהלות.</translation>
    </message>
    <message>
        <source>No call matches the filter.</source>
        <translation>אין שיחה שמתאימה לסינון.</translation>
    </message>
    <message>
        <source>No call now. The engine takes calls.</source>
        <translation>אין שיחות כרגע. המנוע מקבל שיחות.</translation>
    </message>
    <message>
        <source>No call now. The engine takes no calls: see its lamps.</source>
        <translation>אין שיחות כרגע. המנוע אינו מקבל שיחות: ראו את הנוריות שלו.</translation>
    </message>
</context>
<context>
    <name>kav::console::MainWindow</name>
    <message>
        <source>About Kav</source>
        <translation>אודות קו</translation>
    </message>
    <message>
        <source>Kav console %1</source>
        <translation>מסוף קו %1</translation>
    </message>
    <message>
        <source>Watches the telephone calls of a Kav engine, and lets you step in.

Apache-2.0. Uses Qt %1 under the LGPL.</source>
        <translation>צפייה בשיחות הטלפון של מנוע קו, והתערבות בהן.

רישיון Apache-2.0. נעשה שימוש ב־Qt %1 לפי רישיון LGPL.</translation>
    </message>
    <message>
        <source>&amp;Engine</source>
        <translation>&amp;מנוע</translation>
    </message>
    <message>
        <source>&amp;Call</source>
        <translation>&amp;שיחה</translation>
    </message>
    <message>
        <source>E&amp;dit</source>
        <translation>&amp;עריכה</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>&amp;תצוגה</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>ע&amp;זרה</translation>
    </message>
    <message>
        <source>&amp;Go to</source>
        <translation>מעבר א&amp;ל</translation>
    </message>
    <message>
        <source>&amp;Language</source>
        <translation>&amp;שפה</translation>
    </message>
    <message>
        <source>&amp;Theme</source>
        <translation>&amp;צבעים</translation>
    </message>
    <message>
        <source>Tools</source>
        <translation>כלים</translation>
    </message>
    <message>
        <source>&amp;Connect to an engine…</source>
        <translation>הת&amp;חברות למנוע…</translation>
    </message>
    <message>
        <source>&amp;Disconnect</source>
        <translation>&amp;ניתוק</translation>
    </message>
    <message>
        <source>&amp;Refresh</source>
        <translation>&amp;רענון</translation>
    </message>
    <message>
        <source>Asks the engine for everything anew; connects at once while the line is down</source>
        <translation>בקשת כל הנתונים מהמנוע מחדש; כשהקו מנותק – התחברות מיידית</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;יציאה</translation>
    </message>
    <message>
        <source>&amp;Copy rows</source>
        <translation>ה&amp;עתקת שורות</translation>
    </message>
    <message>
        <source>&amp;Filter</source>
        <translation>&amp;סינון</translation>
    </message>
    <message>
        <source>Clear the filters of the &amp;live calls</source>
        <translation>&amp;ניקוי הסינון של השיחות הפעילות</translation>
    </message>
    <message>
        <source>&amp;Live calls</source>
        <translation>שיחות &amp;פעילות</translation>
    </message>
    <message>
        <source>Call l&amp;og</source>
        <translation>&amp;יומן שיחות</translation>
    </message>
    <message>
        <source>&amp;Messages</source>
        <translation>&amp;הודעות</translation>
    </message>
    <message>
        <source>&amp;Wallboard</source>
        <translation>&amp;לוח קיר</translation>
    </message>
    <message>
        <source>Only the live calls, on the whole screen</source>
        <translation>השיחות הפעילות בלבד, על כל המסך</translation>
    </message>
    <message>
        <source>&amp;Reset layout</source>
        <translation>&amp;איפוס הפריסה</translation>
    </message>
    <message>
        <source>&amp;Keyboard shortcuts</source>
        <translation>&amp;קיצורי מקלדת</translation>
    </message>
    <message>
        <source>&amp;About Kav</source>
        <translation>&amp;אודות קו</translation>
    </message>
    <message>
        <source>As the &amp;system</source>
        <translation>כמו ב&amp;מערכת</translation>
    </message>
    <message>
        <source>&amp;Light</source>
        <translation>&amp;בהיר</translation>
    </message>
    <message>
        <source>&amp;Dark</source>
        <translation>&amp;כהה</translation>
    </message>
    <message>
        <source>Call</source>
        <translation>שיחה</translation>
    </message>
    <message>
        <source>Call log</source>
        <translation>יומן שיחות</translation>
    </message>
    <message>
        <source>Messages</source>
        <translation>הודעות</translation>
    </message>
    <message>
        <source>&amp;Test call…</source>
        <translation>שיחת &amp;בדיקה…</translation>
    </message>
    <message>
        <source>Placing the test call…</source>
        <translation>שיחת הבדיקה יוצאת לדרך…</translation>
    </message>
    <message>
        <source>Lets the engine call itself, as a caller would</source>
        <translation>המנוע מתקשר אל עצמו, כפי שמתקשר היה עושה</translation>
    </message>
    <message>
        <source>&amp;Interrupt</source>
        <translation>&amp;קטיעת הסוכן</translation>
    </message>
    <message>
        <source>Interrupting…</source>
        <translation>הסוכן נקטע…</translation>
    </message>
    <message>
        <source>The agent stops speaking, or thinking, and listens</source>
        <translation>הסוכן מפסיק לדבר או לחשוב, ומקשיב</translation>
    </message>
    <message>
        <source>&amp;End call</source>
        <translation>&amp;סיום השיחה</translation>
    </message>
    <message>
        <source>Ending the call…</source>
        <translation>השיחה מסתיימת…</translation>
    </message>
    <message>
        <source>Ends the selected call; asks before a person is cut off</source>
        <translation>סיום השיחה שנבחרה; לפני ניתוק של אדם תוצג שאלה</translation>
    </message>
    <message>
        <source>The engine has not answered yet</source>
        <translation>המנוע עוד לא השיב</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <comment>what it does, keys</comment>
        <translation>%1 (%2)</translation>
    </message>
    <message numerus="yes">
        <source>%n live call(s)</source>
        <comment>title of the window</comment>
        <translation>
            <numerusform>שיחה פעילה אחת</numerusform>
            <numerusform>%n שיחות פעילות</numerusform>
        </translation>
    </message>
    <message>
        <source>%1 – Kav</source>
        <comment>state, program</comment>
        <translation>%1 – קו</translation>
    </message>
    <message>
        <source>Leave the wallboard (%1)</source>
        <comment>keys</comment>
        <translation>יציאה מלוח הקיר (%1)</translation>
    </message>
    <message>
        <source>&amp;Requests</source>
        <translation>&amp;בקשות</translation>
    </message>
    <message>
        <source>Re&amp;quests of the call</source>
        <translation>בק&amp;שות השיחה</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>בקשות</translation>
    </message>
    <message>
        <source>Select a call first.</source>
        <translation>יש לבחור שיחה תחילה.</translation>
    </message>
    <message>
        <source>The webhooks and the stream of the selected call</source>
        <translation>ה־webhooks והזרם של השיחה שנבחרה</translation>
    </message>
    <message>
        <source>&amp;Call a number…</source>
        <translation>&amp;חיוג למספר…</translation>
    </message>
    <message>
        <source>Calling…</source>
        <translation>מתקשר…</translation>
    </message>
    <message>
        <source>Lets the engine call a telephone number</source>
        <translation>המנוע מתקשר למספר טלפון</translation>
    </message>
    <message>
        <source>&amp;Pass on…</source>
        <translation>ה&amp;עברת השיחה…</translation>
    </message>
    <message>
        <source>Passing the call on…</source>
        <translation>השיחה מועברת…</translation>
    </message>
    <message>
        <source>The agent leaves the selected call to a person; asks to whom</source>
        <translation>הסוכן מעביר את השיחה שנבחרה לאדם; עם שאלה למי</translation>
    </message>
    <message>
        <source>&amp;Save evidence…</source>
        <translation>&amp;שמירת ראיות…</translation>
    </message>
    <message>
        <source>What happened in the selected call, as a pack to keep or to hand on</source>
        <translation>מה קרה בשיחה שנבחרה, כחבילה לשמירה או למסירה</translation>
    </message>
</context>
<context>
    <name>kav::console::MessageStrip</name>
    <message numerus="yes">
        <source>and %n more</source>
        <translation>
            <numerusform>ועוד אחת</numerusform>
            <numerusform>ועוד %n</numerusform>
        </translation>
    </message>
    <message>
        <source>All messages</source>
        <translation>כל ההודעות</translation>
    </message>
    <message>
        <source>Dismiss</source>
        <translation>סגירה</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>הודעה</translation>
    </message>
</context>
<context>
    <name>kav::console::Messages</name>
    <message>
        <source>%1: %2</source>
        <comment>time, message</comment>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Time</source>
        <translation>שעה</translation>
    </message>
    <message>
        <source>Message</source>
        <translation>הודעה</translation>
    </message>
</context>
<context>
    <name>kav::console::MessagesPane</name>
    <message>
        <source>Messages</source>
        <translation>הודעות</translation>
    </message>
</context>
<context>
    <name>kav::console::PassOnQuestion</name>
    <message>
        <source>Choose who gets the call.</source>
        <translation>יש לבחור למי תועבר השיחה.</translation>
    </message>
    <message>
        <source>Pass the call on?</source>
        <translation>להעביר את השיחה?</translation>
    </message>
    <message>
        <source>A person is on the line. Pass this call on to “%1”?</source>
        <extracomment>%1: a name from the engine&apos;s settings</extracomment>
        <translation>אדם נמצא על הקו. להעביר את השיחה אל ”%1“?</translation>
    </message>
    <message>
        <source>A person is on the line. Pass the call from %1 on to “%2”?</source>
        <extracomment>%1: a telephone number; %2: a name from the engine&apos;s settings</extracomment>
        <translation>אדם נמצא על הקו. להעביר את השיחה מ־%1 אל ”%2“?</translation>
    </message>
    <message>
        <source>A person is on the line. Who gets this call?</source>
        <translation>אדם נמצא על הקו. אל מי להעביר את השיחה?</translation>
    </message>
    <message>
        <source>A person is on the line. Who gets the call from %1?</source>
        <extracomment>%1: a telephone number</extracomment>
        <translation>אדם נמצא על הקו. אל מי להעביר את השיחה מ־%1?</translation>
    </message>
    <message>
        <source>Who gets the call</source>
        <translation>למי תועבר השיחה</translation>
    </message>
    <message>
        <source>&amp;Pass on</source>
        <translation>ה&amp;עברה</translation>
    </message>
    <message>
        <source>Leave it with the agent</source>
        <translation>להשאיר אצל הסוכן</translation>
    </message>
</context>
<context>
    <name>kav::console::PlaceCallDialog</name>
    <message>
        <source>Call a number</source>
        <translation>חיוג למספר</translation>
    </message>
    <message>
        <source>&amp;Number:</source>
        <translation>&amp;מספר:</translation>
    </message>
    <message>
        <source>The number to call</source>
        <translation>המספר שיש להתקשר אליו</translation>
    </message>
    <message>
        <source>Who &amp;speaks:</source>
        <translation>מי &amp;מדבר:</translation>
    </message>
    <message>
        <source>Who speaks</source>
        <translation>מי מדבר</translation>
    </message>
    <message>
        <source>Answering &amp;machine:</source>
        <translation>מ&amp;שיבון:</translation>
    </message>
    <message>
        <source>What an answering machine gets</source>
        <translation>מה מקבל משיבון</translation>
    </message>
    <message>
        <source>Is spoken to like a person</source>
        <translation>מדברים איתו כמו עם אדם</translation>
    </message>
    <message>
        <source>Is hung up on</source>
        <translation>מנתקים אותו</translation>
    </message>
    <message>
        <source>Gets a message after its beep</source>
        <translation>מקבל הודעה אחרי הצפצוף</translation>
    </message>
    <message>
        <source>This is a real call. It costs money by the minute, and a telephone rings at once.</source>
        <translation>זו שיחה אמיתית. היא עולה כסף לפי דקות, וטלפון מצלצל מיד.</translation>
    </message>
    <message>
        <source>I &amp;want this number to be called</source>
        <translation>אני &amp;רוצה שיתקשרו למספר הזה</translation>
    </message>
    <message>
        <source>Close</source>
        <extracomment>Closes a dialog.</extracomment>
        <translation>סגירה</translation>
    </message>
    <message>
        <source>State of the call</source>
        <translation>מצב השיחה</translation>
    </message>
    <message>
        <source>Length of the call</source>
        <translation>משך השיחה</translation>
    </message>
    <message>
        <source>Call &amp;another number</source>
        <translation>חיוג למספר &amp;אחר</translation>
    </message>
    <message>
        <source>Whoever has the calling number</source>
        <extracomment>Who speaks in a call: as the engine&apos;s settings have it for the number that calls</extracomment>
        <translation>מי שהמספר המתקשר שלו</translation>
    </message>
    <message>
        <source>With + and the country, for instance %1.</source>
        <translation>עם + וקידומת המדינה, למשל %1.</translation>
    </message>
    <message>
        <source>The number begins with + and the country.</source>
        <translation>המספר מתחיל ב-+ ובקידומת המדינה.</translation>
    </message>
    <message>
        <source>After the + there are digits only, and the first is not 0.</source>
        <translation>אחרי ה-+ יש ספרות בלבד, והראשונה אינה 0.</translation>
    </message>
    <message>
        <source>The number is too short. Emergency and service numbers are never called.</source>
        <translation>המספר קצר מדי. למספרי חירום ושירות לא מתקשרים לעולם.</translation>
    </message>
    <message>
        <source>The number is too long: 15 digits at most.</source>
        <translation>המספר ארוך מדי: 15 ספרות לכל היותר.</translation>
    </message>
    <message>
        <source>Type the number to call.</source>
        <translation>הקלידו את המספר שיש להתקשר אליו.</translation>
    </message>
    <message>
        <source>Confirm that this number is to be called.</source>
        <translation>אשרו שיש להתקשר למספר הזה.</translation>
    </message>
    <message>
        <source>%1 will be called.</source>
        <translation>תתבצע שיחה אל %1.</translation>
    </message>
    <message>
        <source>Calling…</source>
        <translation>מתקשר…</translation>
    </message>
    <message>
        <source>&amp;Call</source>
        <translation>&amp;חיוג</translation>
    </message>
    <message>
        <source>Call to %1</source>
        <translation>שיחה אל %1</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>The engine is not connected: how the call goes on is not known.</source>
        <translation>המנוע אינו מחובר: לא ידוע איך השיחה נמשכת.</translation>
    </message>
    <message>
        <source>&amp;End the call</source>
        <translation>&amp;סיום השיחה</translation>
    </message>
    <message>
        <source>&amp;Give up the call</source>
        <translation>&amp;ויתור על השיחה</translation>
    </message>
</context>
<context>
    <name>kav::console::RequestsModel</name>
    <message>
        <source>Came</source>
        <extracomment>Column: when the request came</extracomment>
        <translation>הגיעה</translation>
    </message>
    <message>
        <source>Signature</source>
        <extracomment>Column: whether the request&apos;s signature is right</extracomment>
        <translation>חתימה</translation>
    </message>
    <message>
        <source>Status</source>
        <extracomment>Column: the HTTP status of the answer</extracomment>
        <translation>סטטוס</translation>
    </message>
    <message>
        <source>Request</source>
        <extracomment>Column: method and path of the request</extracomment>
        <translation>בקשה</translation>
    </message>
    <message>
        <source>Sub-protocol</source>
        <extracomment>Column: the WebSocket sub-protocol that was offered and given</extracomment>
        <translation>תת־פרוטוקול</translation>
    </message>
    <message>
        <source>Call</source>
        <extracomment>Column: the id of the call that the request is about</extracomment>
        <translation>שיחה</translation>
    </message>
    <message>
        <source>Bytes</source>
        <extracomment>Column: bytes of request and answer</extracomment>
        <translation>בתים</translation>
    </message>
    <message>
        <source>Took</source>
        <extracomment>Column: time until the answer</extracomment>
        <translation>נמשכה</translation>
    </message>
    <message>
        <source>gone</source>
        <extracomment>In place of a status: the client went away before the answer</extracomment>
        <translation>עזב</translation>
    </message>
    <message>
        <source>%1 %2 at %3, %4, status %5</source>
        <extracomment>Read out. %1: kind of the request; %2: path; %3: time; %4: the signature&apos;s state; %5: HTTP status</extracomment>
        <translation>%1 %2 בשעה %3, %4, סטטוס %5</translation>
    </message>
</context>
<context>
    <name>kav::console::RequestsPane</name>
    <message>
        <source>Search all requests: path, address, call id, reason or a parameter</source>
        <translation>חיפוש בכל הבקשות: נתיב, כתובת, מזהה שיחה, סיבה או פרמטר</translation>
    </message>
    <message>
        <source>Search in the requests</source>
        <translation>חיפוש בבקשות</translation>
    </message>
    <message>
        <source>&amp;Refused only</source>
        <translation>רק ש&amp;נדחו</translation>
    </message>
    <message>
        <source>&amp;This call only</source>
        <translation>רק השיחה ה&amp;זו</translation>
    </message>
    <message>
        <source>Only the requests of the call that is selected</source>
        <translation>רק הבקשות של השיחה שנבחרה</translation>
    </message>
    <message>
        <source>Read the requests anew.</source>
        <translation>קריאת הבקשות מחדש.</translation>
    </message>
    <message>
        <source>Read the requests anew</source>
        <translation>קריאת הבקשות מחדש</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>לנסות שוב</translation>
    </message>
    <message>
        <source>Copy as text</source>
        <translation>העתקה כטקסט</translation>
    </message>
    <message>
        <source>Copies all that is known of the selected request</source>
        <translation>מעתיק את כל מה שידוע על הבקשה שנבחרה</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>בקשות</translation>
    </message>
    <message>
        <source>The selected request</source>
        <translation>הבקשה שנבחרה</translation>
    </message>
    <message>
        <source>Select a request to see all of it.</source>
        <translation>בחירת בקשה תציג את כולה.</translation>
    </message>
    <message>
        <source>State of the requests</source>
        <translation>מצב הבקשות</translation>
    </message>
    <message>
        <source>Loading requests…</source>
        <translation>הבקשות נטענות…</translation>
    </message>
    <message numerus="yes">
        <source>%n request(s) shown; more cannot be read without the engine.</source>
        <translation>
            <numerusform>בקשה אחת מוצגת; בלי המנוע אי אפשר לקרוא עוד.</numerusform>
            <numerusform>%n בקשות מוצגות; בלי המנוע אי אפשר לקרוא עוד.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n request(s): all that match.</source>
        <translation>
            <numerusform>בקשה אחת: כל המתאימות.</numerusform>
            <numerusform>%n בקשות: כל המתאימות.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n request(s) shown; scroll down for older ones.</source>
        <translation>
            <numerusform>בקשה אחת מוצגת; גלילה מטה תביא ישנות יותר.</numerusform>
            <numerusform>%n בקשות מוצגות; גלילה מטה תביא ישנות יותר.</numerusform>
        </translation>
    </message>
    <message>
        <source>The requests could not be read.</source>
        <translation>לא ניתן היה לקרוא את הבקשות.</translation>
    </message>
    <message>
        <source>Not connected. The requests are the engine&apos;s.</source>
        <translation>אין חיבור. הבקשות נמצאות אצל המנוע.</translation>
    </message>
    <message>
        <source>No request matches.</source>
        <translation>אין בקשה מתאימה.</translation>
    </message>
    <message>
        <source>No request has come yet.</source>
        <translation>עדיין לא הגיעה בקשה.</translation>
    </message>
    <message>
        <source>Signature</source>
        <translation>חתימה</translation>
    </message>
    <message>
        <source>What to do</source>
        <translation>מה לעשות</translation>
    </message>
    <message>
        <source>Status</source>
        <translation>סטטוס</translation>
    </message>
    <message>
        <source>The client was gone before the answer.</source>
        <translation>הלקוח עזב לפני התשובה.</translation>
    </message>
    <message>
        <source>Refused</source>
        <translation>נדחתה</translation>
    </message>
    <message>
        <source>Request</source>
        <translation>בקשה</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>סוג</translation>
    </message>
    <message>
        <source>Came</source>
        <translation>הגיעה</translation>
    </message>
    <message>
        <source>Took</source>
        <translation>נמשכה</translation>
    </message>
    <message>
        <source>From</source>
        <translation>מאת</translation>
    </message>
    <message>
        <source>Call</source>
        <translation>שיחה</translation>
    </message>
    <message>
        <source>Sub-protocol</source>
        <translation>תת־פרוטוקול</translation>
    </message>
    <message>
        <source>Bytes</source>
        <extracomment>Bytes. %1: of the request; %2: of the answer</extracomment>
        <translation>בתים</translation>
    </message>
    <message>
        <source>%1 in, %2 out</source>
        <translation>%1 נכנסים, %2 יוצאים</translation>
    </message>
    <message>
        <source>Repeats</source>
        <extracomment>Of a request that repeats one from before. %1: time of day</extracomment>
        <translation>חוזרת על</translation>
    </message>
    <message>
        <source>the one of %1, and got its answer</source>
        <translation>הבקשה מ־%1, וקיבלה את תשובתה</translation>
    </message>
    <message>
        <source>Closed</source>
        <extracomment>How a connection ended. %1: a number and words of the protocol; %2: how long it was open</extracomment>
        <translation>נסגר</translation>
    </message>
    <message>
        <source>by the other side: %1, after %2</source>
        <translation>בידי הצד השני: %1, אחרי %2</translation>
    </message>
    <message>
        <source>by the engine: %1, after %2</source>
        <translation>בידי המנוע: %1, אחרי %2</translation>
    </message>
    <message>
        <source>Messages</source>
        <extracomment>%1, %3: numbers of messages; %2, %4: bytes</extracomment>
        <translation>הודעות</translation>
    </message>
    <message>
        <source>%1 in (%2 bytes), %3 out (%4 bytes)</source>
        <translation>%1 נכנסות (%2 בתים), %3 יוצאות (%4 בתים)</translation>
    </message>
    <message>
        <source>Before it</source>
        <extracomment>Of requests that were refused</extracomment>
        <translation>לפניה</translation>
    </message>
    <message numerus="yes">
        <source>%n refused request(s) only counted</source>
        <translation>
            <numerusform>בקשה אחת שנדחתה ורק נספרה</numerusform>
            <numerusform>%n בקשות שנדחו ורק נספרו</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>kav::console::SaveEvidenceDialog</name>
    <message>
        <source>Zip files (*.zip)</source>
        <translation>קובצי zip ‏(*.zip)</translation>
    </message>
    <message>
        <source>Save evidence</source>
        <translation>שמירת ראיות</translation>
    </message>
    <message>
        <source>What happened in the call %1, for whoever must be shown: a page that opens from disk, the same as data, the sound if it was recorded, and the SHA-256 of each file.</source>
        <extracomment>%1: a call&apos;s id</extracomment>
        <translation>מה קרה בשיחה %1, למי שצריך לראות: דף שנפתח מהדיסק, אותו תוכן כנתונים, הקול אם הוקלט, וה־SHA-256 של כל קובץ.</translation>
    </message>
    <message>
        <source>One &amp;file (zip)</source>
        <translation>&amp;קובץ אחד (zip)</translation>
    </message>
    <message>
        <source>A f&amp;older with the files</source>
        <translation>&amp;תיקייה עם הקבצים</translation>
    </message>
    <message>
        <source>&amp;Save as:</source>
        <translation>שמירה &amp;בשם:</translation>
    </message>
    <message>
        <source>Where the evidence is saved</source>
        <translation>היכן נשמרות הראיות</translation>
    </message>
    <message>
        <source>&amp;Browse…</source>
        <translation>&amp;עיון…</translation>
    </message>
    <message>
        <source>Show &amp;telephone numbers that were said or keyed</source>
        <translation>הצגת מספרי &amp;טלפון שנאמרו או הוקשו</translation>
    </message>
    <message>
        <source>The call log will say that you took the evidence with the numbers.</source>
        <translation>ביומן השיחות יירשם שלקחת את הראיות עם המספרים.</translation>
    </message>
    <message>
        <source>S&amp;ave</source>
        <translation>&amp;שמירה</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>ביטול</translation>
    </message>
</context>
<context>
    <name>kav::console::ServiceBar</name>
    <message>
        <source>asked to warm</source>
        <translation>התבקשה הפעלה</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <extracomment>A lamp&apos;s name and state: &quot;Speech recognition: failed&quot;.</extracomment>
        <translation>%1: %2</translation>
    </message>
</context>
<context>
    <name>kav::console::ServicesModel</name>
    <message>
        <source>Service</source>
        <extracomment>Column: name of a service of the engine</extracomment>
        <translation>שירות</translation>
    </message>
    <message>
        <source>State</source>
        <extracomment>Column: &quot;Ready&quot;, &quot;Failed&quot;</extracomment>
        <translation>מצב</translation>
    </message>
    <message>
        <source>Provider</source>
        <extracomment>Column: the program or model that does the service&apos;s work</extracomment>
        <translation>ספק</translation>
    </message>
    <message>
        <source>Since</source>
        <extracomment>Column: since when the service has been in its state</extracomment>
        <translation>מאז</translation>
    </message>
    <message>
        <source>Last check</source>
        <extracomment>Column: how long ago the engine looked at the service</extracomment>
        <translation>בדיקה אחרונה</translation>
    </message>
    <message>
        <source>Reason</source>
        <extracomment>Column: why a service is degraded or failed</extracomment>
        <translation>סיבה</translation>
    </message>
    <message>
        <source>%1 ago</source>
        <extracomment>%1: a length of time</extracomment>
        <translation>לפני %1</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <extracomment>A service and its state</extracomment>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Live calls: %1 of at most %2</source>
        <translation>שיחות פעילות: %1 מתוך %2 לכל היותר</translation>
    </message>
    <message>
        <source>Served by %1</source>
        <extracomment>%1: name of the program or model that does a service&apos;s work</extracomment>
        <translation>ספק: %1</translation>
    </message>
    <message>
        <source>Since %1</source>
        <translation>מאז %1</translation>
    </message>
    <message>
        <source>Making it took %1</source>
        <translation>ההפעלה ארכה %1</translation>
    </message>
    <message>
        <source>Looked at %1 ago</source>
        <translation>נבדק לפני %1</translation>
    </message>
    <message>
        <source>It is tried again in %1</source>
        <translation>ניסיון נוסף בעוד %1</translation>
    </message>
    <message>
        <source>A command is on its way</source>
        <translation>פקודה בדרך</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <extracomment>Read out. %1: a service; %2: its state</extracomment>
        <translation>%1, %2</translation>
    </message>
    <message>
        <source>%1, %2: %3</source>
        <extracomment>Read out. %1: a service; %2: its state; %3: why</extracomment>
        <translation>%1, %2: %3</translation>
    </message>
    <message>
        <source>Unknown</source>
        <extracomment>State of a service of the engine: nothing is known of it now</extracomment>
        <translation>לא ידוע</translation>
    </message>
    <message>
        <source>Answers: none; errors: %1</source>
        <extracomment>How a provider has served of late. %1: a number</extracomment>
        <translation>תשובות: אין; שגיאות: %1</translation>
    </message>
    <message>
        <source>Answers: %1; p50 %2, p95 %3, p99 %4; errors: %5</source>
        <extracomment>How a provider has served of late. %1 and %5: numbers; p50: half of the answers began within %2</extracomment>
        <translation>תשובות: %1; p50 %2, p95 %3, p99 %4; שגיאות: %5</translation>
    </message>
    <message>
        <source>Lately</source>
        <extracomment>Column: how a provider has served in the last minutes</extracomment>
        <translation>לאחרונה</translation>
    </message>
</context>
<context>
    <name>kav::console::Settings</name>
    <message>
        <source>The settings in %1 are of a later version of Kav: they are neither used nor changed.</source>
        <translation>ההגדרות שב־%1 נכתבו בגרסה מאוחרת יותר של קו: אין בהן שימוש והן לא ישתנו.</translation>
    </message>
    <message>
        <source>The settings in %1 cannot be read as settings.</source>
        <translation>אי אפשר לקרוא את ההגדרות שב־%1.</translation>
    </message>
    <message>
        <source>The settings cannot be written to %1: nothing will be remembered.</source>
        <translation>אי אפשר לכתוב את ההגדרות אל %1: דבר לא יישמר.</translation>
    </message>
</context>
<context>
    <name>kav::console::StatusLine</name>
    <message>
        <source>Not connected to an engine</source>
        <translation>אין חיבור למנוע</translation>
    </message>
    <message>
        <source>Live calls: %1 of %2</source>
        <comment>calls now, calls at most</comment>
        <translation>שיחות פעילות: %1 מתוך %2</translation>
    </message>
    <message>
        <source>Live calls: %1</source>
        <translation>שיחות פעילות: %1</translation>
    </message>
    <message>
        <source>Consoles: %1</source>
        <translation>מסופים: %1</translation>
    </message>
    <message>
        <source>Line delay: %1</source>
        <translation>השהיית הקו: %1</translation>
    </message>
    <message>
        <source>Line delay: not known</source>
        <translation>השהיית הקו: לא ידועה</translation>
    </message>
    <message>
        <source>How long a message takes from the engine to this console</source>
        <translation>כמה זמן עוברת הודעה מן המנוע אל המסוף הזה</translation>
    </message>
    <message>
        <source>Engine %1, protocol %2</source>
        <translation>מנוע %1, פרוטוקול %2</translation>
    </message>
    <message>
        <source>Build %1, started %2</source>
        <translation>גרסת בנייה %1, פועל מאז %2</translation>
    </message>
</context>
<context>
    <name>kav::console::StopBanner</name>
    <message>
        <source>The engine is stopping</source>
        <translation>המנוע נעצר</translation>
    </message>
</context>
<context>
    <name>kav::console::TestCallDialog</name>
    <message>
        <source>Choose a WAV file</source>
        <translation>בחירת קובץ WAV</translation>
    </message>
    <message>
        <source>WAV files (*.wav);;All files (*)</source>
        <translation>קובצי WAV (*.wav);;כל הקבצים (*)</translation>
    </message>
    <message>
        <source>Test call</source>
        <translation>שיחת בדיקה</translation>
    </message>
    <message>
        <source>Say typed &amp;lines</source>
        <translation>אמירת &amp;שורות מוקלדות</translation>
    </message>
    <message>
        <source>Play a &amp;WAV file</source>
        <translation>השמעת קובץ &amp;WAV</translation>
    </message>
    <message>
        <source>One utterance a line. Each is spoken when the agent is silent.</source>
        <translation>אמירה אחת בכל שורה. כל אחת נאמרת כשהסוכן שותק.</translation>
    </message>
    <message>
        <source>What the caller says, one utterance a line</source>
        <translation>מה המתקשר אומר, אמירה אחת בכל שורה</translation>
    </message>
    <message>
        <source>&amp;Choose a file…</source>
        <translation>&amp;בחירת קובץ…</translation>
    </message>
    <message>
        <source>Then press &amp;keys:</source>
        <translation>ואז &amp;מקשים:</translation>
    </message>
    <message>
        <source>Keys that the caller presses</source>
        <translation>המקשים שהמתקשר מקיש</translation>
    </message>
    <message>
        <source>0–9, * and #; none when empty</source>
        <translation>⁦0–9⁩, ⁦*⁩ ו־⁦#⁩; ריק – ללא מקשים</translation>
    </message>
    <message>
        <source>&amp;Place the call</source>
        <translation>&amp;חיוג</translation>
    </message>
    <message>
        <source>Close</source>
        <extracomment>Closes a dialog.</extracomment>
        <translation>סגירה</translation>
    </message>
    <message>
        <source>What will happen</source>
        <translation>מה יקרה</translation>
    </message>
    <message>
        <source>State of the test call</source>
        <translation>מצב שיחת הבדיקה</translation>
    </message>
    <message>
        <source>Length of the test call</source>
        <translation>משך שיחת הבדיקה</translation>
    </message>
    <message>
        <source>&amp;Interrupt the agent</source>
        <translation>&amp;קטיעת הסוכן</translation>
    </message>
    <message>
        <source>&amp;End the call</source>
        <translation>&amp;סיום השיחה</translation>
    </message>
    <message>
        <source>&amp;New test call</source>
        <translation>שיחת בדיקה &amp;חדשה</translation>
    </message>
    <message>
        <source>Show this call&apos;s words</source>
        <translation>הצגת מה שנאמר בשיחה</translation>
    </message>
    <message>
        <source>The engine calls itself; no telephone is used.</source>
        <translation>המנוע מתקשר אל עצמו; בלי טלפון.</translation>
    </message>
    <message>
        <source>The caller plays %1.</source>
        <translation>המתקשר משמיע את %1.</translation>
    </message>
    <message numerus="yes">
        <source>The caller says %n line(s), each when the agent is silent.</source>
        <translation>
            <numerusform>המתקשר אומר שורה אחת, כשהסוכן שותק.</numerusform>
            <numerusform>המתקשר אומר %n שורות, כל אחת כשהסוכן שותק.</numerusform>
        </translation>
    </message>
    <message>
        <source>Then the keys %1 are pressed.</source>
        <translation>אחר כך מוקשים המקשים %1.</translation>
    </message>
    <message>
        <source>The caller hangs up when the agent is done.</source>
        <translation>המתקשר מנתק כשהסוכן מסיים.</translation>
    </message>
    <message>
        <source>Choose a WAV file, or drop one here.</source>
        <translation>יש לבחור קובץ WAV או לגרור אותו לכאן.</translation>
    </message>
    <message>
        <source>Type what the caller says, or the keys.</source>
        <translation>יש להקליד מה המתקשר אומר, או מקשים.</translation>
    </message>
    <message>
        <source>The file cannot be read: %1</source>
        <translation>אי אפשר לקרוא את הקובץ: %1</translation>
    </message>
    <message>
        <source>No file is chosen; one may be dropped here.</source>
        <translation>לא נבחר קובץ; אפשר לגרור קובץ לכאן.</translation>
    </message>
    <message>
        <source>mu-law</source>
        <translation>mu-law</translation>
    </message>
    <message>
        <source>16-bit PCM</source>
        <translation>PCM של 16 סיביות</translation>
    </message>
    <message numerus="yes">
        <source>%1, %2 samples a second, %n channel(s), %3: as it should be.</source>
        <translation>
            <numerusform>%1, %2 דגימות בשנייה, ערוץ אחד, %3: תקין.</numerusform>
            <numerusform>%1, %2 דגימות בשנייה, %n ערוצים, %3: תקין.</numerusform>
        </translation>
    </message>
    <message>
        <source>16-bit PCM or mu-law, at most %1 KB.</source>
        <translation>PCM של 16 סיביות או mu-law, עד %1 ק״ב.</translation>
    </message>
    <message>
        <source>Placing the call…</source>
        <translation>השיחה יוצאת לדרך…</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Nothing has been said yet.</source>
        <translation>עדיין לא נאמר דבר.</translation>
    </message>
    <message>
        <source>The engine is not connected: how the call goes on is not known.</source>
        <translation>המנוע אינו מחובר: לא ידוע איך השיחה נמשכת.</translation>
    </message>
    <message>
        <source>The desk shows another call now.</source>
        <translation>החלון הראשי מציג עכשיו שיחה אחרת.</translation>
    </message>
    <message>
        <source>Passed</source>
        <translation>עבר</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>נכשל</translation>
    </message>
    <message numerus="yes">
        <source>The agent spoke: %n turn(s).</source>
        <translation>
            <numerusform>הסוכן דיבר: תור אחד.</numerusform>
            <numerusform>הסוכן דיבר: %n תורות.</numerusform>
        </translation>
    </message>
    <message>
        <source>The agent did not speak.</source>
        <translation>הסוכן לא דיבר.</translation>
    </message>
    <message>
        <source>The longest wait for an answer was %1.</source>
        <translation>ההמתנה הארוכה ביותר לתשובה הייתה %1.</translation>
    </message>
    <message>
        <source>No wait for an answer was measured.</source>
        <translation>לא נמדדה המתנה לתשובה.</translation>
    </message>
    <message>
        <source>How it ended: %1.</source>
        <translation>איך הסתיימה: %1.</translation>
    </message>
</context>
<context>
    <name>kav::console::TokenStore</name>
    <message>
        <source>The tokens in %1 are not used, because the file belongs to another user.</source>
        <translation>לא נעשה שימוש באסימונים שב־%1, כי הקובץ שייך למשתמש אחר.</translation>
    </message>
    <message>
        <source>The kept tokens in %1 cannot be read.</source>
        <translation>אי אפשר לקרוא את האסימונים השמורים ב־%1.</translation>
    </message>
    <message>
        <source>The file %1 does not hold tokens.</source>
        <translation>הקובץ %1 אינו מכיל אסימונים.</translation>
    </message>
    <message>
        <source>The token could not be kept in %1; it will be asked for again.</source>
        <translation>לא ניתן היה לשמור את האסימון ב־%1; הוא יתבקש שוב.</translation>
    </message>
    <message>
        <source>The tokens in %1 are not used, because other users can read the file. If they are still secret, allow it to yourself alone: %2</source>
        <translation>לא נעשה שימוש באסימונים שב־%1, כי משתמשים אחרים יכולים לקרוא את הקובץ. אם הם עדיין סודיים, יש להתיר את הקובץ לך בלבד: %2</translation>
    </message>
</context>
<context>
    <name>kav::console::TranscriptModel</name>
    <message>
        <source>Silence that was waited out after the caller&apos;s last sound before the turn was the agent&apos;s; a setting</source>
        <translation>השקט שאחרי הצליל האחרון של המתקשר, עד שהתור עבר לסוכן; הגדרה</translation>
    </message>
    <message>
        <source>From there until the caller&apos;s words were known</source>
        <translation>משם ועד שדברי המתקשר היו ידועים</translation>
    </message>
    <message>
        <source>From there to the first sound of that sentence</source>
        <translation>משם ועד הצליל הראשון של המשפט</translation>
    </message>
    <message>
        <source>Turn</source>
        <extracomment>Column: number of the turn</extracomment>
        <translation>תור</translation>
    </message>
    <message>
        <source>Caller</source>
        <extracomment>Column: what the caller said</extracomment>
        <translation>מתקשר</translation>
    </message>
    <message>
        <source>Agent</source>
        <extracomment>Column: what the agent answered</extracomment>
        <translation>סוכן</translation>
    </message>
    <message>
        <source>Pause</source>
        <extracomment>Part of the caller&apos;s wait: the silence that had to pass before the turn was the agent&apos;s</extracomment>
        <translation>הפוגה</translation>
    </message>
    <message>
        <source>Recognition</source>
        <extracomment>Part of the caller&apos;s wait: speech recognition</extracomment>
        <translation>זיהוי</translation>
    </message>
    <message>
        <source>Wait</source>
        <extracomment>The caller&apos;s wait: sum of its parts</extracomment>
        <translation>המתנה</translation>
    </message>
    <message>
        <source>Interrupted. The caller heard: %1</source>
        <extracomment>%1: what the caller heard of the agent&apos;s answer</extracomment>
        <translation>נקטע. המתקשר שמע: %1</translation>
    </message>
    <message>
        <source>A prepared line stood in for the answer.</source>
        <translation>משפט מוכן מראש בא במקום התשובה.</translation>
    </message>
    <message>
        <source>Recognised with a confidence of %1 %</source>
        <extracomment>How sure the speech recognition is</extracomment>
        <translation>זוהה בביטחון של %1 %</translation>
    </message>
    <message>
        <source>Turn %1. Caller: %2. No answer yet.</source>
        <extracomment>Read out. %1: number of the turn; %2: what the caller said</extracomment>
        <translation>תור %1. מתקשר: %2. אין עדיין תשובה.</translation>
    </message>
    <message>
        <source>Turn %1. Caller: %2. Agent, interrupted: %3.</source>
        <extracomment>Read out. %3: what the caller heard of the agent&apos;s answer before interrupting it</extracomment>
        <translation>תור %1. מתקשר: %2. סוכן, נקטע: %3.</translation>
    </message>
    <message>
        <source>Turn %1. Caller: %2. Agent: %3.</source>
        <extracomment>Read out. %3: what the agent answered</extracomment>
        <translation>תור %1. מתקשר: %2. סוכן: %3.</translation>
    </message>
    <message>
        <source>Turn %1. Caller: %2. Agent: %3. The wait was %4.</source>
        <extracomment>Read out. %3: what the agent answered; %4: how long the caller waited for it</extracomment>
        <translation>תור %1. מתקשר: %2. סוכן: %3. ההמתנה הייתה %4.</translation>
    </message>
    <message>
        <source>From there until the model gave the first of its answer</source>
        <translation>משם ועד שהמודל החל לענות</translation>
    </message>
    <message>
        <source>From there to the first whole sentence of the answer</source>
        <translation>משם ועד המשפט השלם הראשון של התשובה</translation>
    </message>
    <message>
        <source>From there until that sound was sent to the caller</source>
        <translation>משם ועד שהצליל הזה נשלח אל המתקשר</translation>
    </message>
    <message>
        <source>From the end of the caller&apos;s words to the first sound that followed: the sum of the others</source>
        <translation>מסוף דברי המתקשר עד הצליל הראשון שבא אחריהם: סכום כל השאר</translation>
    </message>
    <message>
        <source>First word</source>
        <extracomment>Part of the caller&apos;s wait: until the model begins to answer</extracomment>
        <translation>מילה ראשונה</translation>
    </message>
    <message>
        <source>Sentence</source>
        <extracomment>Part of the caller&apos;s wait: from the model&apos;s first word to its first whole sentence</extracomment>
        <translation>משפט</translation>
    </message>
    <message>
        <source>First sound</source>
        <extracomment>Part of the caller&apos;s wait: speech synthesis</extracomment>
        <translation>צליל ראשון</translation>
    </message>
    <message>
        <source>Sending</source>
        <extracomment>Part of the caller&apos;s wait: until the sound was sent</extracomment>
        <translation>שליחה</translation>
    </message>
    <message>
        <source>A waiting line was heard first; the answer came later.</source>
        <translation>תחילה נשמע משפט המתנה; התשובה באה אחריו.</translation>
    </message>
    <message>
        <source>Passed on, and back</source>
        <translation>הועברה וחזרה</translation>
    </message>
    <message>
        <source>Turn %1. The call was passed on, and is back with the agent: %2.</source>
        <extracomment>Read out. %1: number of the turn; %2: what the agent said</extracomment>
        <translation>תור %1. השיחה הועברה, וחזרה אל הסוכן: %2.</translation>
    </message>
</context>
<context>
    <name>kav::console::TranscriptView</name>
    <message>
        <source>%1 Caller: %2</source>
        <translation>%1 מתקשר: %2</translation>
    </message>
    <message>
        <source>%1 Agent: %2</source>
        <translation>%1 סוכן: %2</translation>
    </message>
    <message>
        <source>[interrupted; heard: “%1”]</source>
        <translation>[נקטע; נשמע: ”%1“]</translation>
    </message>
    <message>
        <source>(after %1)</source>
        <translation>(אחרי %1)</translation>
    </message>
    <message>
        <source>Copy the selected turns</source>
        <translation>העתקת התורות שנבחרו</translation>
    </message>
    <message>
        <source>Copy the transcript</source>
        <translation>העתקת התמליל</translation>
    </message>
    <message>
        <source>Transcript</source>
        <translation>תמליל</translation>
    </message>
    <message numerus="yes">
        <source>%n new turn(s)</source>
        <translation>
            <numerusform>תור חדש אחד</numerusform>
            <numerusform>%n תורות חדשים</numerusform>
        </translation>
    </message>
    <message>
        <source>To the end</source>
        <translation>לסוף</translation>
    </message>
    <message>
        <source>%1 The call was passed on, and is back with the agent.</source>
        <translation>%1 השיחה הועברה, וחזרה אל הסוכן.</translation>
    </message>
</context>
<context>
    <name>kav::console::TurnDelegate</name>
    <message>
        <source>The caller said nothing.</source>
        <translation>המתקשר לא אמר דבר.</translation>
    </message>
    <message>
        <source>Listening…</source>
        <translation>מקשיב…</translation>
    </message>
    <message>
        <source>Thinking…</source>
        <translation>חושב…</translation>
    </message>
    <message>
        <source>Interrupted</source>
        <extracomment>A chip on the agent&apos;s card: the caller spoke, and the agent stopped.</extracomment>
        <translation>נקטע</translation>
    </message>
    <message>
        <source>Stand-in line</source>
        <extracomment>A chip on the agent&apos;s card: a line made beforehand stood in for the answer.</extracomment>
        <translation>משפט מוכן</translation>
    </message>
    <message>
        <source>The call was passed on, and is back with the agent.</source>
        <translation>השיחה הועברה, וחזרה אל הסוכן.</translation>
    </message>
</context>
<context>
    <name>kav::console::WavCheck</name>
    <message>
        <source>The file is too large: a test call takes at most %1 KB.</source>
        <translation>הקובץ גדול מדי: שיחת בדיקה מקבלת עד %1 ק״ב.</translation>
    </message>
    <message>
        <source>This is not a WAV file.</source>
        <translation>זה אינו קובץ WAV.</translation>
    </message>
    <message>
        <source>The file&apos;s header is cut short.</source>
        <translation>כותרת הקובץ קטועה.</translation>
    </message>
    <message>
        <source>The file is neither 16-bit PCM nor mu-law: please convert it.</source>
        <translation>הקובץ אינו PCM של 16 סיביות ואינו mu-law: יש להמיר אותו.</translation>
    </message>
    <message numerus="yes">
        <source>The file has %n channel(s): only mono and stereo are read.</source>
        <translation>
            <numerusform>בקובץ ערוץ אחד: נקראים רק מונו וסטריאו.</numerusform>
            <numerusform>בקובץ %n ערוצים: נקראים רק מונו וסטריאו.</numerusform>
        </translation>
    </message>
    <message>
        <source>The file has %1 samples a second, which is not usable.</source>
        <translation>בקובץ %1 דגימות בשנייה, וזה אינו שמיש.</translation>
    </message>
    <message>
        <source>The file holds no sound.</source>
        <translation>אין צליל בקובץ.</translation>
    </message>
</context>
<context>
    <name>kav::console::Words</name>
    <message>
        <source>Ringing</source>
        <extracomment>State of a call: it has come in, and its sound is not there yet</extracomment>
        <translation>מצלצל</translation>
    </message>
    <message>
        <source>Greeting</source>
        <extracomment>State of a call: the agent speaks first</extracomment>
        <translation>ברכת פתיחה</translation>
    </message>
    <message>
        <source>Listening</source>
        <extracomment>State of a call: the agent listens, the caller is silent</extracomment>
        <translation>מקשיב</translation>
    </message>
    <message>
        <source>Caller speaking</source>
        <extracomment>State of a call</extracomment>
        <translation>המתקשר מדבר</translation>
    </message>
    <message>
        <source>Deciding turn</source>
        <extracomment>State of a call: the caller pauses; the agent is deciding whether its own turn has come</extracomment>
        <translation>מחליט על התור</translation>
    </message>
    <message>
        <source>Thinking</source>
        <extracomment>State of a call: the agent is making its answer</extracomment>
        <translation>חושב</translation>
    </message>
    <message>
        <source>Speaking</source>
        <extracomment>State of a call: the agent is heard</extracomment>
        <translation>מדבר</translation>
    </message>
    <message>
        <source>Interrupted</source>
        <extracomment>State of a call: the caller&apos;s voice has silenced the agent</extracomment>
        <translation>נקטע</translation>
    </message>
    <message>
        <source>Operator holds</source>
        <extracomment>State of a call: an operator holds the agent</extracomment>
        <translation>בידי מפעיל</translation>
    </message>
    <message>
        <source>Ending</source>
        <extracomment>State of a call: the agent says goodbye</extracomment>
        <translation>נפרד</translation>
    </message>
    <message>
        <source>Ended</source>
        <extracomment>State of a call: it is over</extracomment>
        <translation>הסתיימה</translation>
    </message>
    <message>
        <source>Not ended</source>
        <extracomment>Why a call ended: it has not</extracomment>
        <translation>לא הסתיימה</translation>
    </message>
    <message>
        <source>Completed</source>
        <extracomment>Why a call ended: the conversation came to its end</extracomment>
        <translation>הושלמה</translation>
    </message>
    <message>
        <source>Caller hung up</source>
        <extracomment>Why a call ended</extracomment>
        <translation>המתקשר ניתק</translation>
    </message>
    <message>
        <source>Sound lost</source>
        <extracomment>Why a call ended: the sound from the telephone network stopped</extracomment>
        <translation>הקול אבד</translation>
    </message>
    <message>
        <source>Caller said nothing</source>
        <extracomment>Why a call ended</extracomment>
        <translation>המתקשר לא אמר דבר</translation>
    </message>
    <message>
        <source>No answer could be made</source>
        <extracomment>Why a call ended: the agent could make no answer</extracomment>
        <translation>לא נמצאה תשובה</translation>
    </message>
    <message>
        <source>Too long</source>
        <extracomment>Why a call ended: it reached the longest time for a call</extracomment>
        <translation>ארוכה מדי</translation>
    </message>
    <message>
        <source>Operator ended it</source>
        <extracomment>Why a call ended</extracomment>
        <translation>מפעיל סיים</translation>
    </message>
    <message>
        <source>Engine was stopped</source>
        <extracomment>Why a call ended</extracomment>
        <translation>המנוע נעצר</translation>
    </message>
    <message>
        <source>Protocol error</source>
        <extracomment>Why a call ended: what the telephone network sent could not be understood</extracomment>
        <translation>שגיאת פרוטוקול</translation>
    </message>
    <message>
        <source>Refused</source>
        <extracomment>Why a call ended: the engine did not take it
----------
State of the line to the engine</extracomment>
        <translation>סירוב</translation>
    </message>
    <message>
        <source>Engine failed</source>
        <extracomment>Why a call ended: the engine crashed while the call was live</extracomment>
        <translation>המנוע קרס</translation>
    </message>
    <message>
        <source>Opening</source>
        <extracomment>How the caller&apos;s side of a turn was given: not at all, the agent spoke first</extracomment>
        <translation>פתיחה</translation>
    </message>
    <message>
        <source>Voice</source>
        <extracomment>How the caller&apos;s side of a turn was given</extracomment>
        <translation>קול</translation>
    </message>
    <message>
        <source>Keypad</source>
        <extracomment>How the caller&apos;s side of a turn was given: by the telephone&apos;s keys</extracomment>
        <translation>מקשים</translation>
    </message>
    <message>
        <source>Message</source>
        <extracomment>How the caller&apos;s side of a turn was given: as a recorded message</extracomment>
        <translation>הודעה</translation>
    </message>
    <message>
        <source>Silence</source>
        <extracomment>How the caller&apos;s side of a turn was given: the caller said nothing</extracomment>
        <translation>שתיקה</translation>
    </message>
    <message>
        <source>Off</source>
        <extracomment>State of a service of the engine: not used</extracomment>
        <translation>כבוי</translation>
    </message>
    <message>
        <source>Warming up</source>
        <extracomment>State of a service of the engine: it is being made ready</extracomment>
        <translation>בהפעלה</translation>
    </message>
    <message>
        <source>Ready</source>
        <extracomment>State of a service of the engine</extracomment>
        <translation>מוכן</translation>
    </message>
    <message>
        <source>Degraded</source>
        <extracomment>State of a service of the engine: it serves, but not as it should</extracomment>
        <translation>מוגבל</translation>
    </message>
    <message>
        <source>Failed</source>
        <extracomment>State of a service of the engine</extracomment>
        <translation>תקלה</translation>
    </message>
    <message>
        <source>Speech recognition</source>
        <translation>זיהוי דיבור</translation>
    </message>
    <message>
        <source>Answers</source>
        <extracomment>The service that makes the agent&apos;s answers (a dialog script or a language model)</extracomment>
        <translation>תשובות</translation>
    </message>
    <message>
        <source>Speech synthesis</source>
        <translation>הקראה</translation>
    </message>
    <message>
        <source>Call log</source>
        <extracomment>The service that stores the log of calls</extracomment>
        <translation>יומן שיחות</translation>
    </message>
    <message>
        <source>Sound</source>
        <extracomment>The service that receives and sends the sound of calls</extracomment>
        <translation>קול</translation>
    </message>
    <message>
        <source>Ready for calls</source>
        <extracomment>Name of the lamp that says whether the engine takes calls</extracomment>
        <translation>מוכן לשיחות</translation>
    </message>
    <message>
        <source>Not connected</source>
        <extracomment>State of the line to the engine</extracomment>
        <translation>אין חיבור</translation>
    </message>
    <message>
        <source>Waiting to reconnect</source>
        <extracomment>State of the line to the engine: lost; it will be tried again</extracomment>
        <translation>ממתין לחיבור מחדש</translation>
    </message>
    <message>
        <source>Connecting</source>
        <extracomment>State of the line to the engine</extracomment>
        <translation>מתחבר</translation>
    </message>
    <message>
        <source>Signing in</source>
        <extracomment>State of the line to the engine</extracomment>
        <translation>מזדהה</translation>
    </message>
    <message>
        <source>Synchronizing</source>
        <extracomment>State of the line to the engine: what is going on there is on its way</extracomment>
        <translation>מסתנכרן</translation>
    </message>
    <message>
        <source>Live</source>
        <extracomment>State of the line to the engine: what is shown is what is</extracomment>
        <translation>מחובר</translation>
    </message>
    <message>
        <source>No news</source>
        <extracomment>State of the line to the engine: nothing has come for a while</extracomment>
        <translation>אין עדכונים</translation>
    </message>
    <message>
        <source>The engine did not understand the command. Console and engine may be of different versions.</source>
        <translation>המנוע לא הבין את הפקודה. ייתכן שהמסוף והמנוע בגרסאות שונות.</translation>
    </message>
    <message>
        <source>Console and engine have no version in common. Update the older one.</source>
        <translation>למסוף ולמנוע אין גרסה משותפת. יש לעדכן את הישן מביניהם.</translation>
    </message>
    <message>
        <source>The engine does not let this operator do that. Ask for another token.</source>
        <translation>המנוע אינו מתיר זאת למפעיל הזה. יש לבקש אסימון אחר.</translation>
    </message>
    <message>
        <source>The engine does not know this console yet. Try again when the line is live.</source>
        <translation>המנוע עוד לא מכיר את המסוף הזה. יש לנסות שוב כשהקו יהיה מחובר.</translation>
    </message>
    <message>
        <source>Too many consoles are connected to the engine. Close one, or try again later.</source>
        <translation>יותר מדי מסופים מחוברים למנוע. יש לסגור אחד מהם, או לנסות מאוחר יותר.</translation>
    </message>
    <message>
        <source>Too many commands came at once. Wait a moment and try again.</source>
        <translation>הגיעו יותר מדי פקודות בבת אחת. יש להמתין רגע ולנסות שוב.</translation>
    </message>
    <message>
        <source>This console does not keep up with the engine. Check the network.</source>
        <translation>המסוף הזה אינו עומד בקצב של המנוע. יש לבדוק את הרשת.</translation>
    </message>
    <message>
        <source>This engine cannot do that. It may be older than the console.</source>
        <translation>המנוע הזה אינו יודע לעשות זאת. ייתכן שהוא ישן מהמסוף.</translation>
    </message>
    <message>
        <source>The engine knows no such call. It may have ended a while ago.</source>
        <translation>המנוע אינו מכיר שיחה כזו. ייתכן שהסתיימה לפני זמן מה.</translation>
    </message>
    <message>
        <source>That is not possible now. Try again in a moment.</source>
        <translation>זה לא אפשרי כרגע. יש לנסות שוב בעוד רגע.</translation>
    </message>
    <message>
        <source>That is not possible now. The engine says: %1</source>
        <extracomment>%1: the engine&apos;s reason, in English</extracomment>
        <translation>זה לא אפשרי כרגע. המנוע אומר: %1</translation>
    </message>
    <message>
        <source>The part of the engine that does this is away. Look at the lamps, and try again later.</source>
        <translation>החלק במנוע שעושה זאת אינו זמין. יש להסתכל בנוריות ולנסות מאוחר יותר.</translation>
    </message>
    <message>
        <source>No answer came in time. It may have been done; look before you try again.</source>
        <translation>לא הגיעה תשובה בזמן. ייתכן שהפעולה נעשתה; כדאי לבדוק לפני ניסיון נוסף.</translation>
    </message>
    <message>
        <source>Something went wrong in the engine. Its log knows more.</source>
        <translation>משהו השתבש במנוע. פרטים נמצאים ביומן שלו.</translation>
    </message>
    <message>
        <source>The engine did not understand this console. They may be of different versions.</source>
        <translation>המנוע לא הבין את המסוף הזה. ייתכן שהם בגרסאות שונות.</translation>
    </message>
    <message>
        <source>The engine speaks versions %1 to %2 of the protocol, and this console none of them. Update the older one.</source>
        <extracomment>%1 and %2: numbers of the lowest and the highest version</extracomment>
        <translation>המנוע מדבר בגרסאות %1 עד %2 של הפרוטוקול, והמסוף הזה באף אחת מהן. יש לעדכן את הישן מביניהם.</translation>
    </message>
    <message>
        <source>The engine does not take this token. Check it in the connection&apos;s settings.</source>
        <translation>המנוע אינו מקבל את האסימון הזה. יש לבדוק אותו בהגדרות החיבור.</translation>
    </message>
    <message>
        <source>The engine has had too many messages or attempts from here. Wait some minutes.</source>
        <translation>המנוע קיבל מכאן יותר מדי הודעות או ניסיונות. יש להמתין כמה דקות.</translation>
    </message>
    <message>
        <source>This console did not keep up with the engine. Check the network.</source>
        <translation>המסוף הזה לא עמד בקצב של המנוע. יש לבדוק את הרשת.</translation>
    </message>
    <message>
        <source>The engine cannot serve consoles now. Try again later.</source>
        <translation>המנוע אינו יכול לשרת מסופים כרגע. יש לנסות מאוחר יותר.</translation>
    </message>
    <message>
        <source>The engine waited too long for this console. Check the network.</source>
        <translation>המנוע חיכה למסוף הזה יותר מדי זמן. יש לבדוק את הרשת.</translation>
    </message>
    <message>
        <source>The engine is finishing its calls and takes no new ones.</source>
        <translation>המנוע מסיים את שיחותיו ואינו מקבל חדשות.</translation>
    </message>
    <message numerus="yes">
        <source>The engine is stopping; %n call(s) hear a goodbye now.</source>
        <translation>
            <numerusform>המנוע נעצר; בשיחה אחת נשמעת עכשיו פרידה.</numerusform>
            <numerusform>המנוע נעצר; ב־%n שיחות נשמעת עכשיו פרידה.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>The engine is stopping and takes no new calls; it waits for %n call(s). At %1 those that are left hear a goodbye.</source>
        <extracomment>%1: a time of day</extracomment>
        <translation>
            <numerusform>המנוע נעצר ואינו מקבל שיחות חדשות; הוא ממתין לשיחה אחת. אם תימשך, בשעה %1 תישמע בה פרידה.</numerusform>
            <numerusform>המנוע נעצר ואינו מקבל שיחות חדשות; הוא ממתין ל־%n שיחות. בשעה %1 תישמע פרידה באלה שיישארו.</numerusform>
        </translation>
    </message>
    <message>
        <source>The engine has as many calls as it can hold.</source>
        <translation>המנוע מלא: אין בו מקום לשיחות נוספות.</translation>
    </message>
    <message>
        <source>The call log cannot be written.</source>
        <translation>אי אפשר לכתוב ליומן השיחות.</translation>
    </message>
    <message>
        <source>The threads that carry the calls&apos; sound do not answer.</source>
        <translation>התהליכונים שנושאים את קול השיחות אינם מגיבים.</translation>
    </message>
    <message>
        <source>%1 h %2 min</source>
        <extracomment>Hours and minutes, short</extracomment>
        <translation>%1 שע׳ %2 דק׳</translation>
    </message>
    <message>
        <source>%1 min</source>
        <extracomment>Minutes, short</extracomment>
        <translation>%1 דק׳</translation>
    </message>
    <message>
        <source>%1 s</source>
        <extracomment>Seconds, short</extracomment>
        <translation>%1 שנ׳</translation>
    </message>
    <message>
        <source>No number</source>
        <extracomment>In place of a telephone number that the caller did not show</extracomment>
        <translation>ללא מספר</translation>
    </message>
    <message>
        <source>%1 ms</source>
        <extracomment>Milliseconds</extracomment>
        <translation>%1 ms</translation>
    </message>
    <message>
        <source>%1 s</source>
        <comment>fraction</comment>
        <extracomment>Seconds, with a fraction</extracomment>
        <translation>%1 s</translation>
    </message>
    <message>
        <source>The line was rendered ahead.</source>
        <translation>המשפט הוקרא מראש.</translation>
    </message>
    <message>
        <source>The dialog says when the keys are complete.</source>
        <translation>הדו־שיח קובע מתי ההקשות הושלמו.</translation>
    </message>
    <message>
        <source>Spent by the tool %1.</source>
        <extracomment>%1: name of a tool that the model called</extracomment>
        <translation>הזמן הלך על הכלי %1.</translation>
    </message>
    <message>
        <source>Set by %1.</source>
        <extracomment>%1: name of a setting of the engine, such as turn.message_end</extracomment>
        <translation>נקבע בידי %1.</translation>
    </message>
    <message>
        <source>Spent by %1.</source>
        <extracomment>%1: name of a provider, such as google</extracomment>
        <translation>הזמן הלך על %1.</translation>
    </message>
    <message>
        <source>Webhook</source>
        <extracomment>A request of Twilio&apos;s</extracomment>
        <translation>Webhook</translation>
    </message>
    <message>
        <source>Stream</source>
        <extracomment>A request that opens a call&apos;s stream of sound</extracomment>
        <translation>זרם</translation>
    </message>
    <message>
        <source>Console</source>
        <extracomment>A request of a console that connects</extracomment>
        <translation>מסוף</translation>
    </message>
    <message>
        <source>Page</source>
        <extracomment>A request for a page such as /metrics</extracomment>
        <translation>דף</translation>
    </message>
    <message>
        <source>Not checked</source>
        <extracomment>Of a request&apos;s signature</extracomment>
        <translation>לא נבדקה</translation>
    </message>
    <message>
        <source>Valid</source>
        <extracomment>Of a request&apos;s signature</extracomment>
        <translation>תקפה</translation>
    </message>
    <message>
        <source>Missing</source>
        <extracomment>Of a request&apos;s signature</extracomment>
        <translation>חסרה</translation>
    </message>
    <message>
        <source>Wrong</source>
        <extracomment>Of a request&apos;s signature</extracomment>
        <translation>שגויה</translation>
    </message>
    <message>
        <source>Twilio signs every request: this one is not Twilio&apos;s, or a proxy in between takes the signature away.</source>
        <translation>Twilio חותמת על כל בקשה: זו אינה של Twilio, או ששרת מתווך בדרך מסיר את החתימה.</translation>
    </message>
    <message>
        <source>Too many requests were refused at the time to look for the cause. Look at another one.</source>
        <translation>באותו זמן נדחו בקשות רבות מכדי לחפש את הסיבה. כדאי להסתכל בבקשה אחרת.</translation>
    </message>
    <message>
        <source>The address is signed, but the body was changed on its way. Look at the proxy in between.</source>
        <translation>הכתובת חתומה, אבל הגוף השתנה בדרך. יש לבדוק את השרת המתווך.</translation>
    </message>
    <message>
        <source>No address near %1 matches either. Perhaps TWILIO_AUTH_TOKEN is not the primary auth token of this account (a subaccount has its own), or the webhook has another address, or it is not Twilio who asks.</source>
        <extracomment>%1: an address</extracomment>
        <translation>גם אף כתובת קרובה ל־%1 אינה מתאימה. אולי TWILIO_AUTH_TOKEN אינו מפתח האימות הראשי של החשבון הזה (לחשבון משנה יש מפתח משלו), או שלכתובת ה־webhook יש צורה אחרת, או שלא Twilio היא הפונה.</translation>
    </message>
    <message>
        <source>Twilio signed %1, and the engine takes itself for %2.</source>
        <extracomment>%1, %2: addresses</extracomment>
        <translation>Twilio חתמה על %1, והמנוע סבור שכתובתו %2.</translation>
    </message>
    <message>
        <source>The body was added or changed on its way. Look at the proxy in between.</source>
        <translation>הגוף נוסף או השתנה בדרך. יש לבדוק את השרת המתווך.</translation>
    </message>
    <message>
        <source>Give Twilio the address without that difference, or keep the proxy from rewriting it.</source>
        <translation>יש לתת ל־Twilio את הכתובת בלי ההבדל הזה, או למנוע מהשרת המתווך לשנות אותה.</translation>
    </message>
    <message>
        <source>Set KAV_PUBLIC_URL to the scheme, host and port that Twilio calls.</source>
        <translation>יש לקבוע ב־KAV_PUBLIC_URL את הסכמה, המארח והפורט ש־Twilio פונה אליהם.</translation>
    </message>
    <message>
        <source>%1, given: %2</source>
        <extracomment>Sub-protocols of a WebSocket. %1: offered; %2: given</extracomment>
        <translation>%1, ניתן: %2</translation>
    </message>
    <message>
        <source>%1 ms</source>
        <comment>fraction</comment>
        <extracomment>Milliseconds, with a fraction</extracomment>
        <translation>%1 מ״ש</translation>
    </message>
    <message>
        <source>Waiting to call</source>
        <extracomment>State of a call that the engine makes: it waits for its turn</extracomment>
        <translation>ממתינה לחיוג</translation>
    </message>
    <message>
        <source>Dialling</source>
        <extracomment>State of a call that the engine makes: it does not ring yet</extracomment>
        <translation>מחייגת</translation>
    </message>
    <message>
        <source>Picked up</source>
        <extracomment>State of a call: it was picked up, and its sound is not there yet</extracomment>
        <translation>נענתה</translation>
    </message>
    <message>
        <source>Passing on</source>
        <extracomment>State of a call: it is being passed on, another telephone rings</extracomment>
        <translation>בהעברה</translation>
    </message>
    <message>
        <source>On hold</source>
        <extracomment>State of a call: the caller waits while a person is asked to take it</extracomment>
        <translation>בהמתנה</translation>
    </message>
    <message>
        <source>With a person</source>
        <extracomment>State of a call: the caller and a person talk, without the agent</extracomment>
        <translation>עם נציג</translation>
    </message>
    <message>
        <source>Number busy</source>
        <extracomment>Why a call ended: the number that was called was busy</extracomment>
        <translation>המספר תפוס</translation>
    </message>
    <message>
        <source>Nobody answered</source>
        <extracomment>Why a call ended: the number that was called did not answer</extracomment>
        <translation>אין מענה</translation>
    </message>
    <message>
        <source>Not put through</source>
        <extracomment>Why a call ended: it could not be put through</extracomment>
        <translation>לא התחברה</translation>
    </message>
    <message>
        <source>Given up</source>
        <extracomment>Why a call ended: before it was answered</extracomment>
        <translation>בוטלה</translation>
    </message>
    <message>
        <source>Answering machine</source>
        <extracomment>Why a call ended: an answering machine took it</extracomment>
        <translation>משיבון</translation>
    </message>
    <message>
        <source>Fax machine</source>
        <extracomment>Why a call ended: a fax machine took it</extracomment>
        <translation>פקס</translation>
    </message>
</context>
</TS>
