// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/google/grpcrecognition.h"

#include <QObject>

namespace kav::providers {

/// All that can be seen of the module from outside.
class GrpcModule final : public QObject, public RecognitionModule {
    Q_OBJECT
    Q_PLUGIN_METADATA(IID KAV_RECOGNITION_IID)
    Q_INTERFACES(kav::providers::RecognitionModule)
public:
    Result<std::shared_ptr<RecognitionService>> create(const QString& endpoint) const override
    {
        return makeGrpcRecognition(endpoint);
    }
};

} // namespace kav::providers

#include "grpcmodule.moc"
