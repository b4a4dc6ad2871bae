namespace VmBus.Native.Kvm;

/// <summary>MSRs whose accesses leave to user space.</summary>
/// <param name="First">The first.</param>
/// <param name="Count">How many.</param>
/// <param name="Reads">Whether reads leave too, and not writes alone.</param>
internal readonly record struct KvmMsrRange(uint First, int Count, bool Reads);
