namespace VmBus.Coverage;

/// <summary>One way on from a decision.</summary>
/// <param name="File">The file, from the root of the repository.</param>
/// <param name="Line">Its line, from 1.</param>
/// <param name="Method">The method, as the compiler names it.</param>
/// <param name="Offset">Where the decision is in the method's code.</param>
/// <param name="Path">Which way.</param>
internal readonly record struct Branch(string File, int Line, string Method, int Offset, int Path);
