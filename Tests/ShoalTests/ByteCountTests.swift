import Testing

@testable import shoal

@Suite("Numbers of bytes as text")
struct ByteCountTests {
    @Test(
        "units are read in either case, with or without a space",
        arguments: [
            ("0", 0), ("16384", 16384), ("64KiB", 65536), ("64 kib", 65536), ("1MiB", 1 << 20),
            ("3GiB", 3 << 30), ("2TiB", 2 << 40), ("5B", 5), ("1kB", 1000), ("2MB", 2_000_000),
            ("7GB", 7_000_000_000), ("1TB", 1_000_000_000_000),
        ]
    )
    func reads(text: String, bytes: Int) {
        #expect(ByteCount(text)?.bytes == bytes)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "KiB", "-1", "1.5MiB", "1M", "1 MiB ", "0x10", "٣", "1MiBx", "9223372036854775808",
            "9007199254740992KiB",
        ]
    )
    func refuses(text: String) {
        #expect(ByteCount(text) == nil)
    }

    @Test("the exact form reads back as the same number")
    func exact() {
        for bytes in [0, 1, 1023, 1024, 1025, 16384, 1 << 20, 3 << 20, 5 << 30, 7 << 40, Int.max] {
            #expect(ByteCount(ByteCount(bytes).exact)?.bytes == bytes)
        }
        #expect(ByteCount(16384).exact == "16KiB")
        #expect(ByteCount(1 << 40).exact == "1TiB")
    }

    @Test(
        "the form for people has three digits",
        arguments: [
            (0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1.00 KiB"),
            (1536, "1.50 KiB"), (10_240, "10.0 KiB"), (102_400, "100 KiB"), (1_022_976, "999 KiB"),
            (1_023_800, "0.98 MiB"), (1 << 20, "1.00 MiB"), (150 << 30, "150 GiB"),
            (1 << 50, "1.00 PiB"), (Int.max, "8.00 EiB"),
        ]
    )
    func shows(bytes: Int, text: String) {
        #expect(ByteCount(bytes).description == text)
    }

    @Test("decimals are rounded, not cut")
    func fixed() {
        #expect(1.005.fixed(0) == "1")
        #expect(0.05.fixed(1) == "0.1")
        #expect(2.999.fixed(2) == "3.00")
        #expect((-1.25).fixed(1) == "-1.3")
        #expect(12.04.fixed(2) == "12.04")
        #expect(Double.nan.fixed(2) == "-")
        #expect(Double.infinity.threeDigits == "-")
    }
}
