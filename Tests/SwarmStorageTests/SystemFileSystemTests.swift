import SwarmStorage
import SystemPackage
import Testing

@Suite struct SystemFileSystemTests {
    static let table = """
        22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
        29 22 0:24 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw
        31 22 0:300 / /mnt/a\\040b rw - ramfs none rw
        nonsense
        32 22 0:25
        """

    @Test(
        "the type of a device is looked up in the mount table",
        arguments: [(0xfe00, "ext4"), (24, "tmpfs"), (300 & 0xff | (300 & ~0xff) << 12, "ramfs")]
    )
    func type(device: UInt64, expected: String) {
        let found = SystemFileSystem.fileSystemType(ofDevice: device, mountinfo: Self.table)
        #expect(found.map(String.init) == expected)
    }

    @Test("a device that is not mounted, or whose line is cut off, has no type")
    func unknown() {
        for device: UInt64 in [25, 26] {
            let found = SystemFileSystem.fileSystemType(ofDevice: device, mountinfo: Self.table)
            #expect(found == nil)
        }
    }

    @Test("shared memory is memory, and what is not there is not")
    func here() {
        #expect(SystemFileSystem().isMemory(at: "/dev/shm"))
        #expect(!SystemFileSystem().isMemory(at: "/proc"))
        #expect(!SystemFileSystem().isMemory(at: "/no/such/directory"))
    }
}
