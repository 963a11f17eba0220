// SPDX-License-Identifier: Apache-2.0
#include "console/app/tokenstore.h"

#include "console/models/words.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryFile>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kav::console {

namespace {

constexpr qint64 MaxTokenFileBytes = 256 * 1024;

class Descriptor final {
public:
    explicit Descriptor(int number)
        : m_number(number)
    {
    }
    ~Descriptor()
    {
        if (m_number >= 0)
            ::close(m_number);
    }
    Q_DISABLE_COPY_MOVE(Descriptor)
    int number() const { return m_number; }

private:
    int m_number;
};

} // namespace

TokenStore::TokenStore(const QString& file)
    : m_file(file)
{
}

Result<QString> TokenStore::token(const QString& url) const
{
    const auto tokens = read();
    if (!tokens)
        return tokens.error();
    return tokens->value(url);
}

Result<void> TokenStore::setToken(const QString& url, const QString& token)
{
    auto tokens = read();
    if (!tokens)
        return tokens.error();
    if (tokens->value(url) == token)
        return {};
    if (token.isEmpty())
        tokens->remove(url);
    else
        tokens->insert(url, token);
    return write(*tokens);
}

Result<TokenStore::Tokens> TokenStore::read() const
{
    // What is judged is the open file itself: between a look at a name and the opening another could be put there. Not
    // to follow a link and not to block keep a link or a pipe from standing in for the file.
    const Descriptor file(
        ::open(QFile::encodeName(m_file).constData(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file.number() < 0) {
        if (errno == ENOENT)
            return Tokens();
        return unreadable(errno);
    }
    struct stat facts { };
    if (::fstat(file.number(), &facts) != 0 || !S_ISREG(facts.st_mode))
        return unreadable();
    if (facts.st_uid != ::geteuid())
        return Error{Error::Code::Denied,
            tr("The tokens in %1 are not used, because the file belongs to another user.").arg(isolated(m_file)), {}};
    if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return Error{Error::Code::Denied,
            tr("The tokens in %1 are not used, because other users can read the file. If they are still secret, allow "
               "it to yourself alone: %2")
                .arg(isolated(m_file), isolated(QStringLiteral("chmod 600 ") + m_file)),
            QStringLiteral("mode %1").arg(facts.st_mode & 07777, 4, 8, QLatin1Char('0'))};
    if (facts.st_size > MaxTokenFileBytes)
        return notTokens();

    QFile bytes;
    if (!bytes.open(file.number(), QIODevice::ReadOnly))
        return unreadable();
    const QByteArray content = bytes.read(MaxTokenFileBytes);
    // An empty file is what a crash of the machine may leave.
    if (content.isEmpty())
        return Tokens();
    const QJsonDocument document = QJsonDocument::fromJson(content);
    if (!document.isObject())
        return notTokens();
    Tokens tokens;
    const QJsonObject object = document.object();
    for (auto it = object.begin(); it != object.end(); ++it)
        tokens.insert(it.key(), it.value().toString());
    return tokens;
}

Error TokenStore::unreadable(int number) const
{
    return {Error::Code::Io, tr("The kept tokens in %1 cannot be read.").arg(isolated(m_file)),
        number == 0 ? QString() : QString::fromLocal8Bit(std::strerror(number))};
}

Error TokenStore::notTokens() const
{
    return {Error::Code::Invalid, tr("The file %1 does not hold tokens.").arg(isolated(m_file)), {}};
}

Result<void> TokenStore::write(const Tokens& tokens) const
{
    const QString folder = QFileInfo(m_file).absolutePath();
    QJsonObject object;
    for (auto it = tokens.cbegin(); it != tokens.cend(); ++it)
        object.insert(it.key(), it.value());
    const QByteArray content = QJsonDocument(object).toJson();

    // A temporary file is its user's alone from the moment it exists; there is no instant at which others could open
    // it.
    QTemporaryFile file(m_file + QStringLiteral(".XXXXXX"));
    const auto failed = [this, &file] {
        return Error{Error::Code::Io,
            tr("The token could not be kept in %1; it will be asked for again.").arg(isolated(m_file)),
            file.error() == QFile::NoError ? QString::fromLocal8Bit(std::strerror(errno)) : file.errorString()};
    };
    if (!QDir().mkpath(folder) || !file.open() || file.write(content) != content.size() || !file.flush()
        || ::fsync(file.handle()) != 0
        || std::rename(QFile::encodeName(file.fileName()).constData(), QFile::encodeName(m_file).constData()) != 0)
        return failed();
    file.setAutoRemove(false);
    return {};
}

} // namespace kav::console
