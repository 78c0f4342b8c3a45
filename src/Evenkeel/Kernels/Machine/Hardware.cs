namespace Evenkeel.Kernels;

/// <summary>What the processor offers, as far as it decides the speed. The results do not depend on it.</summary>
public static class Hardware
{
    /// <summary>
    /// True where fused multiply-add is an instruction (x86 from 2013 on, every 64-bit ARM). Elsewhere it is computed in software: the same bits, many times slower.
    /// </summary>
    public static bool HasFusedMultiplyAdd => System.Runtime.Intrinsics.X86.Fma.IsSupported || System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported;
}
