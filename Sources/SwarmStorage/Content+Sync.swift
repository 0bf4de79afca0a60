internal import SwarmModel
internal import Synchronization
internal import SystemPackage

extension Content {
    /// What a sync came to.
    struct SyncOutcome {
        /// Blocks that are on disk now and may be claimed.
        var claimable: [Range<Int>] = []
        /// Blocks that were written and are gone.
        var lost = BlockSet()
        var failure: StorageError?
    }

    /// Syncs what was written of pieces whose hash matched.
    ///
    /// A failed sync is never repeated: the kernel marks the pages clean all the same, and the next
    /// one would succeed without them. Everything that was written and not claimed is forgotten,
    /// and the file is opened anew.
    func sync(_ pieces: [Piece]) -> SyncOutcome {
        syncGate.withLock { _ in
            var outcome = SyncOutcome()
            let file = state.withLock { state in
                for piece in pieces { sort(piece, state, &outcome) }
                return state.file
            }
            if !outcome.lost.isEmpty { outcome.failure = forgotten() }
            guard !outcome.claimable.isEmpty else { return outcome }
            guard let file else { preconditionFailure("written blocks of '\(partial)', not open") }
            do throws(Errno) { try file.syncData() } catch {
                state.withLock { state in
                    outcome.lost.formUnion(state.written)
                    state.written = BlockSet()
                    state.writers = [:]
                    state.sums.forgetOpen()
                    state.file = nil
                }
                outcome.claimable = []
                outcome.failure = .refused(.sync, partial, error)
                return outcome
            }
            state.withLock { state in
                let synced = BlockSet(outcome.claimable)
                state.written.subtract(synced)
                state.synced.formUnion(synced)
            }
            return outcome
        }
    }

    private func sort(_ piece: Piece, _ state: State, _ outcome: inout SyncOutcome) {
        if state.home != .partial || state.claimed.covers(piece.blocks) { return }
        let writer = state.writers[piece.blocks.lowerBound]
        // The twin's bytes are there, or will be; this file's were not kept.
        if isShared, let writer, writer != piece.file { return }
        let isThere =
            state.written.covers(piece.blocks)
            || state.written.union(state.synced).union(state.claimed).covers(piece.blocks)
        if isThere {
            outcome.claimable.append(piece.blocks)
        } else {
            outcome.lost.insert(contentsOf: piece.blocks)
        }
    }

    private func forgotten() -> StorageError {
        StorageError(
            .syncFailed,
            "pieces in '\(partial)' were lost by an earlier failure; fetch them again",
            path: partial
        )
    }

    /// Takes blocks as verified, after the journal has them.
    func claim(_ blocks: [Range<Int>]) {
        state.withLock { state in
            for run in blocks {
                state.claimed.insert(contentsOf: run)
                state.synced.remove(contentsOf: run)
                state.written.remove(contentsOf: run)
                state.writers[run.lowerBound] = nil
                state.sums.close(run)
            }
        }
    }
}
