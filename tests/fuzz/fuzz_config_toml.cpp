// SPDX-License-Identifier: Apache-2.0
// Any bytes as the configuration file: load() ends, says something for what is wrong, and never shows a secret.
#include "engine/app/config.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    using namespace kav;
    const QByteArray file(reinterpret_cast<const char*>(data), qsizetype(size));
    app::Surroundings surroundings;
    surroundings.environment.insert(QStringLiteral("TWILIO_AUTH_TOKEN"), QStringLiteral("canary-in-the-environment"));
    surroundings.readFile = [&file](const QString&) -> Result<QByteArray> { return file; };
    surroundings.fileExists = [](const QString&) { return true; };
    const app::LoadedConfig loaded = app::Config::load({QStringLiteral("--config=fuzz.toml")}, surroundings);
    for (const QString& line : loaded.errors + loaded.summary()) {
        if (line.isEmpty() || line.contains(QLatin1String("canary-in-the-environment"))
            || line.contains(QLatin1Char('\n')))
            std::abort();
    }
    return 0;
}
