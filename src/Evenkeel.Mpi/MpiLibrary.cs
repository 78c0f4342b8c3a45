using System.Runtime.InteropServices;

namespace Evenkeel.Mpi;

/// <summary>
/// The functions and constants of the MPI library that was found. Open MPI's handles are addresses of exported symbols,
/// MPICH's and MS-MPI's are integers; both fit into a native integer.
/// </summary>
/// <remarks>
/// Source: the headers <c>mpi.h</c> of Open MPI 4.1 and MPICH 4.0. MS-MPI shares the integers of MPICH; it is untested.
/// </remarks>
internal sealed unsafe class MpiLibrary
{
    private const string LibraryVariable = "EVENKEEL_MPI_LIBRARY";

    private static readonly string[] s_openMpi = ["libmpi.so.40", "libmpi.40.dylib"];
    private static readonly string[] s_mpich = ["libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib"];
    private static readonly string[] s_other = ["libmpi.so", "libmpi.dylib", "msmpi.dll"];

    private MpiLibrary(nint library, string file)
    {
        IsOpenMpi = NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out nint world);
        File = file;
        World = IsOpenMpi ? world : 0x44000000;
        Bytes = IsOpenMpi ? NativeLibrary.GetExport(library, "ompi_mpi_byte") : 0x4c00010d;
        ErrorsReturn = IsOpenMpi ? NativeLibrary.GetExport(library, "ompi_mpi_errors_return") : 0x54000001;
        StatusIgnore = IsOpenMpi ? null : (void*)1;
        InPlace = IsOpenMpi ? (void*)1 : (void*)-1;
        nint Find(string name) => NativeLibrary.GetExport(library, name);
        Initialized = (delegate* unmanaged<int*, int>)Find("MPI_Initialized");
        InitThread = (delegate* unmanaged<int*, byte***, int, int*, int>)Find("MPI_Init_thread");
        Finalize = (delegate* unmanaged<int>)Find("MPI_Finalize");
        Abort = (delegate* unmanaged<nint, int, int>)Find("MPI_Abort");
        CommRank = (delegate* unmanaged<nint, int*, int>)Find("MPI_Comm_rank");
        CommSize = (delegate* unmanaged<nint, int*, int>)Find("MPI_Comm_size");
        CommDup = (delegate* unmanaged<nint, nint*, int>)Find("MPI_Comm_dup");
        SetErrorHandler = (delegate* unmanaged<nint, nint, int>)Find("MPI_Comm_set_errhandler");
        ErrorString = (delegate* unmanaged<int, byte*, int*, int>)Find("MPI_Error_string");
        LibraryVersion = (delegate* unmanaged<byte*, int*, int>)Find("MPI_Get_library_version");
        AllGather = (delegate* unmanaged<void*, int, nint, void*, int, nint, nint, nint*, int>)Find("MPI_Iallgather");
        AllGatherV = (delegate* unmanaged<void*, int, nint, void*, int*, int*, nint, nint, nint*, int>)
            Find("MPI_Iallgatherv");
        AllToAllV = (delegate* unmanaged<void*, int*, int*, nint, void*, int*, int*, nint, nint, nint*, int>)
            Find("MPI_Ialltoallv");
        Test = (delegate* unmanaged<nint*, int*, void*, int>)Find("MPI_Test");
        Send = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Find("MPI_Isend");
        Receive = (delegate* unmanaged<void*, int, nint, int, int, nint, void*, int>)Find("MPI_Recv");
        Probe = (delegate* unmanaged<int, int, nint, int*, void*, int>)Find("MPI_Iprobe");
    }

    public string File { get; }

    public bool IsOpenMpi { get; }

    public nint World { get; }

    public nint Bytes { get; }

    public nint ErrorsReturn { get; }

    public void* StatusIgnore { get; }

    public void* InPlace { get; }

    public delegate* unmanaged<int*, int> Initialized { get; }

    public delegate* unmanaged<int*, byte***, int, int*, int> InitThread { get; }

    public delegate* unmanaged<int> Finalize { get; }

    public delegate* unmanaged<nint, int, int> Abort { get; }

    public delegate* unmanaged<nint, int*, int> CommRank { get; }

    public delegate* unmanaged<nint, int*, int> CommSize { get; }

    public delegate* unmanaged<nint, nint*, int> CommDup { get; }

    public delegate* unmanaged<nint, nint, int> SetErrorHandler { get; }

    public delegate* unmanaged<int, byte*, int*, int> ErrorString { get; }

    public delegate* unmanaged<byte*, int*, int> LibraryVersion { get; }

    public delegate* unmanaged<void*, int, nint, void*, int, nint, nint, nint*, int> AllGather { get; }

    public delegate* unmanaged<void*, int, nint, void*, int*, int*, nint, nint, nint*, int> AllGatherV { get; }

    public delegate* unmanaged<void*, int*, int*, nint, void*, int*, int*, nint, nint, nint*, int> AllToAllV { get; }

    public delegate* unmanaged<nint*, int*, void*, int> Test { get; }

    public delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int> Send { get; }

    public delegate* unmanaged<void*, int, nint, int, int, nint, void*, int> Receive { get; }

    public delegate* unmanaged<int, int, nint, int*, void*, int> Probe { get; }

    /// <summary>Loads the library of the launcher, or one that is installed.</summary>
    /// <exception cref="MpiNotFoundException">There is none.</exception>
    public static MpiLibrary Load(string? file)
    {
        file ??= Environment.GetEnvironmentVariable(LibraryVariable) is { Length: > 0 } given ? given : null;
        string[] candidates = file is not null ? [file]
            : Launcher.IsMpich ? [.. s_mpich, .. s_openMpi, .. s_other]
            : [.. s_openMpi, .. s_mpich, .. s_other];
        foreach (string candidate in candidates)
        {
            if (!NativeLibrary.TryLoad(candidate, out nint library)) continue;
            try
            {
                return new MpiLibrary(library, candidate);
            }
            catch (EntryPointNotFoundException failure)
            {
                throw new MpiNotFoundException(
                    $"MPI: expected an MPI library of version 3 or newer in \"{candidate}\", got one without a "
                    + $"function that is needed ({failure.Message}). Install Open MPI (apt-get install "
                    + "openmpi-bin) or MPICH (apt-get install mpich).", failure);
            }
        }

        throw new MpiNotFoundException(
            $"MPI: expected an MPI library ({string.Join(", ", candidates)}), got none. Install Open MPI (apt-get "
            + "install openmpi-bin) or MPICH (apt-get install mpich) on each machine, or name the file in the "
            + $"environment variable {LibraryVariable}.");
    }
}
