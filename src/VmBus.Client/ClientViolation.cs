namespace VmBus.Client;

/// <summary>Rules that a host can break; the client counts, remembers the last one, and goes on.</summary>
public enum ClientViolation
{
    /// <summary>None so far.</summary>
    None,

    /// <summary>A message is shorter than its fixed part.</summary>
    ShortMessage,

    /// <summary>No message from a host has this number.</summary>
    UnknownMessage,

    /// <summary>An answer that nobody waits for.</summary>
    Unasked,

    /// <summary>An answer about something else than what was asked.</summary>
    WrongAnswer,

    /// <summary>A version or features that were not proposed.</summary>
    WrongVersion,

    /// <summary>An offer with a channel id or an instance that is in use or impossible, before the contact, or of a sub-channel without a primary.</summary>
    BadOffer,

    /// <summary>A rescind of a channel that was not offered, or again.</summary>
    BadRescind,

    /// <summary>The indices or the packets of a ring make no sense.</summary>
    CorruptRing,

    /// <summary>A packet of a kind, or for a request, that there is not.</summary>
    BadPacket,

    /// <summary>Values in an answer of a device that make no sense, such as sections outside of the buffer.</summary>
    BadValue,
}
