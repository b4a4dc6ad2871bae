namespace VmBus.Providers.DynamicMemory;

/// <summary>The guest's memory could not be changed. The message is one line for people.</summary>
public sealed class DynamicMemoryException(string explanation, Exception? innerException = null)
    : IOException($"Dynamic memory: {explanation}", innerException);
