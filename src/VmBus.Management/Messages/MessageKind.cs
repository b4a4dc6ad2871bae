namespace VmBus.Management.Messages;

/// <summary>What a message is; its first element. Source: protocol-spec/control.md#messages.</summary>
public enum MessageKind
{
    /// <summary>The client asks: id, verb, parameters.</summary>
    Request = 0,

    /// <summary>The server answers: the request's id, an error or nil, the result or nil.</summary>
    Response = 1,

    /// <summary>The server tells: the id of the request that asked for events, the event's name, its fields.</summary>
    Event = 2,
}
