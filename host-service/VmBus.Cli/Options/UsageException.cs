namespace VmBus.Cli.Options;

/// <summary>The command line asks for something that cannot be: exit status 2, one line.</summary>
internal sealed class UsageException(string message) : Exception(message);
