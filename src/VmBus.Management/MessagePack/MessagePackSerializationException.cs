namespace VmBus.Management.MessagePack;

/// <summary>The bytes are no MessagePack, or not what was to be read there. The only exception that <see cref="MessagePackReader"/> throws.</summary>
/// <param name="message">One line for people.</param>
public sealed class MessagePackSerializationException(string message) : Exception(message);
