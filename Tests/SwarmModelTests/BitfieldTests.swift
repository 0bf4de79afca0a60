import SwarmModel
import Testing

@Suite("Bitfield")
struct BitfieldTests {
    static func bitfield(_ count: Int, _ members: [Int]) -> Bitfield {
        var field = Bitfield(count: count)
        for member in members { field.insert(bit: member) }
        return field
    }

    @Test("every set of every size from 0 to 9 has one wire form", arguments: 0...9)
    func enumerates(count: Int) throws {
        for pattern in 0..<(1 << count) {
            let members = (0..<count).filter { pattern >> $0 & 1 == 1 }
            let field = Self.bitfield(count, members)
            #expect(field.members == members)
            #expect(field.population == members.count)
            #expect(field.isEmpty == members.isEmpty)
            #expect(field.isFull == (members.count == count))
            for bit in 0..<count { #expect(field[bit: bit] == members.contains(bit)) }
            // Piece 0 is the high bit of the first byte.
            var wire = [UInt8](repeating: 0, count: (count + 7) / 8)
            for member in members { wire[member / 8] |= 0x80 >> UInt8(member % 8) }
            #expect(field.wire == wire)
            #expect(Bitfield(wire: wire, count: count) == field)
            if members.count == count { #expect(field == Bitfield(fullCount: count)) }
        }
    }

    @Test("every spare bit is refused", arguments: 0...9)
    func refusesSpareBits(count: Int) {
        let bytes = (count + 7) / 8
        for bit in count..<bytes * 8 {
            var wire = [UInt8](repeating: 0, count: bytes)
            wire[bit / 8] |= 0x80 >> UInt8(bit % 8)
            #expect(Bitfield(wire: wire, count: count) == nil)
        }
        for length in 0...3 where length != bytes {
            let wire = [UInt8](repeating: 0, count: length)
            #expect(Bitfield(wire: wire, count: count) == nil)
        }
    }

    @Test(
        "sizes around words keep their ends apart",
        arguments: [55, 56, 63, 64, 65, 127, 128, 129, 1000]
    )
    func wordBoundaries(count: Int) throws {
        let full = Bitfield(fullCount: count)
        #expect(full.population == count && full.isFull)
        #expect(full.members == Array(0..<count))
        #expect(Bitfield(wire: full.wire, count: count) == full)
        for bit in [0, 7, 8, 54, count - 2, count - 1] {
            let single = Self.bitfield(count, [bit])
            #expect(single.members == [bit])
            #expect(Bitfield(wire: single.wire, count: count) == single)
            var rest = full
            #expect(rest.remove(bit: bit) && !rest.remove(bit: bit))
            #expect(rest.population == count - 1 && !rest[bit: bit])
            #expect(rest.lackCount(of: single) == 1 && full.lackCount(of: single) == 0)
            #expect(rest.insert(bit: bit) && !rest.insert(bit: bit))
            #expect(rest == full)
        }
    }

    @Test("a set lacks of another what it does not contain")
    func containment() {
        for a in 0..<32 {
            for b in 0..<32 {
                let left = Self.bitfield(5, (0..<5).filter { a >> $0 & 1 == 1 })
                let right = Self.bitfield(5, (0..<5).filter { b >> $0 & 1 == 1 })
                #expect(left.lackCount(of: right) == (b & ~a).nonzeroBitCount)
            }
        }
    }
}
