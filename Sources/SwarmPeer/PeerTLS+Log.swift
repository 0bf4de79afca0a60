import Foundation
import Logging
import SwarmRuntime

extension PeerTLS {
    /// Reads the files, and logs what becomes of them later.
    convenience init(_ files: TLSFiles, logger: Logger) throws(TLSError) {
        try self.init(files) { reload in
            switch reload {
            case .taken(let expires):
                logger.notice(
                    "new certificates are in use",
                    metadata: [
                        "file": "\(files.certificate)", "until": "\(expires.ISO8601Format())",
                    ]
                )
            case .refused(let error):
                logger.error(
                    "the changed certificates are not used, the ones before are",
                    metadata: ["reason": "\(error)"]
                )
            }
        }
        let until = expires.ISO8601Format()
        logger.info("TLS", metadata: ["certificate": "\(files.certificate)", "until": "\(until)"])
    }
}
