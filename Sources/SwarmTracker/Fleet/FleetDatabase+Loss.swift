internal import SwarmModel

/// A database that is not where it was: one that begins anew looks like one that is well.
extension FleetDatabase {
    /// What to say when there is no database, or an empty one, in a directory that was a tracker's
    /// before; nil when all is as it should be. Before the database is opened, which makes it.
    ///
    /// - Throws: when copies of it lie beside, which nobody makes of nothing.
    static func remark(
        onLossIn dataDirectory: String,
        hasVersions: @autoclosure () -> Bool
    ) throws(TrackerError) -> String? {
        let path = "\(dataDirectory)/\(fileName)"
        let length = CatalogFiles.length(path)
        // A start that was killed may leave an empty file.
        guard length ?? 0 == 0 else { return nil }
        let what = length == nil ? "is missing" : "is empty"
        if let copy = FleetBackups.newest(in: dataDirectory) {
            throw TrackerError(
                code: .database,
                message: "\(path) \(what), and with it hosts, channels, rollouts and the audit "
                    + "log; move it and \(path)-wal away if they are there, copy \(copy) to its "
                    + "place, and start again; to begin anew, move \(dataDirectory)/backups away"
            )
        }
        guard hasVersions() else { return nil }
        return "\(path) \(what) though versions are published here: hosts, channels, rollouts and "
            + "the audit log begin anew; if there is a copy of it elsewhere, stop the tracker and "
            + "copy it to that place, and otherwise hosts report again by themselves and channels "
            + "are to be set again"
    }
}
