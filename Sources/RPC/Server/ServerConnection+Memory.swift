import NIOCore

/// The fast path: calls whose answers are in memory.
///
/// Per call it makes no object, no string and no task, takes no lock of its own and asks for no time:
/// what it allocates is the burst's buffer of answers.
extension ServerConnection {
    /// Answers a whole unary call without making anything of it but the answer. False: it is for
    /// `call`, and nothing has happened.
    func answerFromMemory(_ frame: UnsafeRawBufferPointer) -> Bool {
        guard let view = CallView(frame), view.streamID > highestStreamID, phase == .open,
            outbound.readableBytes < 256 << 10,
            let method = usualMethod(UnsafeRawBufferPointer(rebasing: frame[view.method])),
            view.payload.count <= core.limits.call.messageBytesMax
        else { return false }
        let payload = UnsafeRawBufferPointer(rebasing: frame[view.payload])
        guard answer(view.streamID, method.counters, method.immediate, payload) else {
            leftToHandler = view.streamID
            return false
        }
        highestStreamID = view.streamID
        method.counters.figures.requestBytes &+= UInt64(payload.count)
        return true
    }

    /// Asks the method's fast path and sends what it says. False: it is for the handler.
    func answer(
        _ id: UInt32, _ counters: MethodCounters, _ immediate: MethodTable.Immediate,
        _ payload: UnsafeRawBufferPointer
    ) -> Bool {
        burst.begin(streamID: id)
        let answer = withUnsafeMutablePointer(to: &burst) { burst in
            immediate(payload, peer, AnswerSink(burst))
        }
        switch answer {
        case .later: return false
        case .failure(let error):
            let requestID = RequestID.text(requestSeed &+ UInt64(id))
            refuse(id, counters, .leaving(error, requestID: requestID, limits: core.limits.call))
            return true
        case .answer(let answer): answer.withUnsafeReadableBytes { burst.write($0) }
        case .written: break
        }
        guard !burst.isTooLarge else {
            refuse(id, counters, .answerTooLarge(burst.answerBytes, core.limits.call))
            return true
        }
        counters.figures.responseBytes &+= UInt64(burst.answerBytes)
        if counters.inBurst == 0 { countersInBurst.append(counters) }
        counters.inBurst += 1
        return true
    }

    /// The method of that name, if it is answered from memory and the peer may call it.
    private func usualMethod(_ name: UnsafeRawBufferPointer) -> UsualMethod? {
        if let usual, usual.slot.isNamed(name) { return usual }
        guard let index = core.index.find(name), allowed[index],
            let immediate = core.index.slots[index].entry.immediate
        else { return nil }
        let found = UsualMethod(
            slot: core.index.slots[index], immediate: immediate, counters: counters(index))
        usual = found
        return found
    }
}

/// A method that is answered from memory, as one connection's peer calls it.
final class UsualMethod {
    let slot: MethodIndex.Slot
    let immediate: MethodTable.Immediate
    let counters: MethodCounters

    init(
        slot: MethodIndex.Slot, immediate: @escaping MethodTable.Immediate,
        counters: MethodCounters
    ) {
        self.slot = slot
        self.immediate = immediate
        self.counters = counters
    }
}
