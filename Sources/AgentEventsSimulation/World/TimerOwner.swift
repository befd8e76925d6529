/// Who waits for a time.
enum TimerOwner: Hashable {
    case sweep(loop: Int)
    case reconnect(client: Int)
    case acknowledgements(client: Int)
    case patience(client: Int)
    case silence(client: Int)
    case closeDeadline(client: Int)
    case saveAcknowledgements
    case leave
    case deadlines
    case start
}
