using System.Globalization;

namespace Evenkeel.Mpi;

/// <summary>What the environment says about the launcher that has started this process.</summary>
internal static class Launcher
{
    private static readonly string[] s_mpich = ["PMI_RANK", "MPI_LOCALRANKID", "PMI_FD"];
    private static readonly string[] s_sizes = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS"];
    private static readonly string[] s_ranks = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID"];

    /// <summary>Whether it is that of MPICH (or of one of its kin), and not Open MPI's.</summary>
    public static bool IsMpich =>
        Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_SIZE") is null && Array.Exists(s_mpich, IsSet);

    /// <summary>How many processes it has started; 1 without a launcher.</summary>
    public static int Size => First(s_sizes) ?? 1;

    /// <summary>The number of this process; 0 without a launcher.</summary>
    public static int Rank => First(s_ranks) ?? 0;

    private static bool IsSet(string name) => Environment.GetEnvironmentVariable(name) is not null;

    private static int? First(string[] names)
    {
        foreach (string name in names)
        {
            string? text = Environment.GetEnvironmentVariable(name);
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value)) return value;
        }

        return null;
    }
}
