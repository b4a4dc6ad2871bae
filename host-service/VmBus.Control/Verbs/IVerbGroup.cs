namespace VmBus.Control.Verbs;

/// <summary>
/// Verbs about one thing: the partition and its devices, its integration services. A group names its verbs in <c>VmBus.Management.Verbs</c>,
/// so that clients know them, and is given to the <see cref="VerbTable"/> where the partition is started; then the monitor and the socket have them.
/// </summary>
public interface IVerbGroup
{
    /// <summary>Adds each verb with what carries it out.</summary>
    void AddTo(VerbTable table);
}
