using System.Numerics;
using System.Runtime.InteropServices;
using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// Whether all members of a group have the same weights and running statistics, to the bit. Source: TrainCheck (OSDI
/// 2025): norms whose weights diverged between ranks went unnoticed for 15 days.
/// </summary>
internal sealed class RanksDrift : TrainingRule
{
    private const int Lanes = 4, HalfBits = 32;
    private const ulong Prime = 0x9E3779B97F4A7C15;

    public override string Id => "EK313";

    public override string Title => "ranks drift apart";

    public override void OnCompare(TrainingView training, FindingSink findings)
    {
        if (training.Settings.Collective is not { Size: > 1 } group) return;
        IReadOnlyList<(string Name, Parameter Parameter)> parameters = training.Parameters;
        IReadOnlyList<(string Name, StateBuffer Buffer)> buffers = training.Trainer.Model.NamedBuffers();
        double[] own = new double[2 * (parameters.Count + buffers.Count)];
        for (int i = 0; i < parameters.Count; i++) Put(own, i, parameters[i].Parameter.Value);
        for (int i = 0; i < buffers.Count; i++) Put(own, parameters.Count + i, buffers[i].Buffer.Value);
        double[] all = new double[own.Length * group.Size];
        group.AllGather($"{Id} {Title}", own, all);
        // All members see the same, and say the same.
        for (int tensor = 0; 2 * tensor < own.Length; tensor++)
        {
            int other = Differs(all, own.Length, tensor);
            if (other < 0) continue;
            bool isWeight = tensor < parameters.Count;
            string name = isWeight ? parameters[tensor].Name : buffers[tensor - parameters.Count].Name;
            findings.Add(FindingLevel.Error, name, [], other, 0,
                $"{name} of rank {other} is not that of rank 0 after step {training.Iteration}: the ranks train "
                + "different networks.",
                isWeight
                    ? "Begin with the same seed and weights on all ranks, add up gradients in the same order, and go "
                    + "on from the last checkpoint that all ranks share."
                    : "Convert the norms to SyncBatchNorm, or give every rank the statistics of rank 0.");
            return;
        }
    }

    private static int Differs(double[] all, int length, int tensor)
    {
        for (int rank = 1; rank * length < all.Length; rank++)
        {
            int at = (rank * length) + (2 * tensor);
            if (all[at] != all[2 * tensor] || all[at + 1] != all[(2 * tensor) + 1]) return rank;
        }

        return -1;
    }

    /// <summary>A hash as two halves, each of which is exact in a double.</summary>
    private static void Put(double[] into, int place, Tensor tensor)
    {
        ulong hash = Hash(tensor.Bytes());
        (into[2 * place], into[(2 * place) + 1]) = ((uint)hash, (uint)(hash >> HalfBits));
    }

    private static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        Span<ulong> lanes = stackalloc ulong[Lanes];
        int i = 0;
        for (; i <= words.Length - Lanes; i += Lanes)
        {
            for (int lane = 0; lane < Lanes; lane++)
                lanes[lane] = BitOperations.RotateLeft((lanes[lane] ^ words[i + lane]) * Prime, 31);
        }

        ulong hash = (ulong)bytes.Length;
        foreach (ulong lane in lanes) hash = BitOperations.RotateLeft((hash ^ lane) * Prime, 29);
        for (; i < words.Length; i++) hash = BitOperations.RotateLeft((hash ^ words[i]) * Prime, 29);
        foreach (byte rest in bytes[(words.Length * sizeof(ulong))..])
            hash = BitOperations.RotateLeft((hash ^ rest) * Prime, 29);
        return hash;
    }
}
