/// What of the settings says how much is asked of a peer, and in what lengths. On its own because
/// it is looked at for every block of every peer, and the settings are large.
package struct RequestLimits: Hashable, Sendable {
    let requestLength: Int
    let longRequestLength: Int
    let longRequestRate: Double
    let requestLengthMax: Int
    let foreignRequestLength: Int
    let queueLengthMax: Int
    let foreignQueueLength: Int
    let outstandingBytesMin: Int
    let outstandingBytesMax: Int
    let pipelineWindow: Duration

    package init(_ settings: SwarmSettings) {
        requestLength = settings.requestLength
        longRequestLength = settings.longRequestLength
        longRequestRate = Double(settings.longRequestRate)
        requestLengthMax = settings.requestLengthMax
        foreignRequestLength = settings.foreignRequestLength
        queueLengthMax = settings.uploadQueueLength
        foreignQueueLength = settings.foreignQueueLength
        outstandingBytesMin = settings.outstandingBytesMin
        outstandingBytesMax = settings.outstandingBytesMax
        pipelineWindow = settings.pipelineWindow
    }
}
