namespace VmBus.Service.Definitions;

/// <summary>What follows an end of a partition that nobody has asked for.</summary>
internal enum RestartPolicy
{
    /// <summary>It stays off.</summary>
    Never,

    /// <summary>It is started again when its guest has crashed, or its worker has failed or died.</summary>
    OnCrash,

    /// <summary>It is started again whatever the end was.</summary>
    Always,
}
