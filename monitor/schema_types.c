/*
 * The named types of QMP. Names and members are those of QEMU 10.0's QMP reference, as far as the
 * machine has what they describe.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/schema.h"

#define ENUM   SCHEMA_ENUM
#define OBJECT SCHEMA_OBJECT

#define THROTTLE_MEMBERS(separator)                                                                \
    "bps" separator "int bps_rd" separator "int bps_wr" separator "int iops" separator             \
    "int iops_rd" separator "int iops_wr" separator "int"

#define NODE_OPTIONS                                                                               \
    "driver:BlockdevDriver node-name?:str discard?:BlockdevDiscardOptions "                        \
    "cache?:BlockdevCacheOptions read-only?:bool auto-read-only?:bool force-share?:bool "          \
    "detect-zeroes?:BlockdevDetectZeroesOptions"

const SchemaRow schema_rows[] = {
    /* ---- QMP itself ---- */
    {"QMPCapability", ENUM, "oob"},
    {"VersionTriple", OBJECT, "major:int minor:int micro:int"},
    {"VersionInfo", OBJECT, "qemu:VersionTriple package:str"},
    {"CommandInfo", OBJECT, "name:str"},
    {"EventInfo", OBJECT, "name:str"},
    {"SchemaMetaType", ENUM, "builtin enum array object alternate command event"},
    {"JSONType", ENUM, "string number int boolean null object array value"},
    {"SchemaInfo", OBJECT, "name:str meta-type:SchemaMetaType features?:[str]",
     "meta-type builtin=SchemaInfoBuiltin enum=SchemaInfoEnum array=SchemaInfoArray "
     "object=SchemaInfoObject alternate=SchemaInfoAlternate command=SchemaInfoCommand "
     "event=SchemaInfoEvent"},
    {"SchemaInfoBuiltin", OBJECT, "json-type:JSONType"},
    {"SchemaInfoEnum", OBJECT, "members:[SchemaInfoEnumMember] values:[str]"},
    {"SchemaInfoEnumMember", OBJECT, "name:str features?:[str]"},
    {"SchemaInfoArray", OBJECT, "element-type:str"},
    {"SchemaInfoObject", OBJECT,
     "members:[SchemaInfoObjectMember] tag?:str variants?:[SchemaInfoObjectVariant]"},
    {"SchemaInfoObjectMember", OBJECT, "name:str type:str default?:any features?:[str]"},
    {"SchemaInfoObjectVariant", OBJECT, "case:str type:str"},
    {"SchemaInfoAlternate", OBJECT, "members:[SchemaInfoAlternateMember]"},
    {"SchemaInfoAlternateMember", OBJECT, "type:str"},
    {"SchemaInfoCommand", OBJECT, "arg-type:str ret-type:str allow-oob?:bool"},
    {"SchemaInfoEvent", OBJECT, "arg-type:str"},

    /* ---- run state ---- */
    {"RunState", ENUM,
     "debug inmigrate internal-error io-error paused postmigrate prelaunch finish-migrate "
     "restore-vm running save-vm shutdown suspended watchdog guest-panicked colo"},
    {"StatusInfo", OBJECT, "running:bool status:RunState"},
    {"ShutdownCause", ENUM,
     "none host-error host-qmp-quit host-qmp-system-reset host-signal host-ui guest-shutdown "
     "guest-reset guest-panic subsystem-reset snapshot-load"},
    {"GuestPanicAction", ENUM, "pause poweroff run"},
    {"GuestPanicInformationType", ENUM, "hyper-v"},
    {"GuestPanicInformation", OBJECT, "type:GuestPanicInformationType",
     "type hyper-v=GuestPanicInformationHyperV"},
    {"GuestPanicInformationHyperV", OBJECT, "arg1:int arg2:int arg3:int arg4:int arg5:int"},
    {"RebootAction", ENUM, "reset shutdown"},
    {"ShutdownAction", ENUM, "poweroff pause"},
    {"PanicAction", ENUM, "pause shutdown exit-failure none"},
    {"WatchdogAction", ENUM, "reset shutdown poweroff pause debug none inject-nmi"},
    {"NameInfo", OBJECT, "name?:str"},
    {"UuidInfo", OBJECT, "UUID:str"},
    {"KvmInfo", OBJECT, "enabled:bool present:bool"},

    /* ---- machine and CPUs ---- */
    {"SysEmuTarget", ENUM, "i386 x86_64"},
    {"TargetInfo", OBJECT, "arch:SysEmuTarget"},
    {"MachineInfo", OBJECT,
     "name:str alias?:str is-default?:bool cpu-max:int hotpluggable-cpus:bool "
     "numa-mem-supported:bool deprecated:bool default-cpu-type?:str default-ram-id?:str acpi:bool"},
    {"CurrentMachineParams", OBJECT, "wakeup-suspend-support:bool"},
    {"CpuInstanceProperties", OBJECT,
     "node-id?:int socket-id?:int die-id?:int core-id?:int thread-id?:int"},
    {"CpuInfoFast", OBJECT,
     "cpu-index:int qom-path:str thread-id:int props?:CpuInstanceProperties target:SysEmuTarget"},
    {"HotpluggableCPU", OBJECT,
     "type:str vcpus-count:int props:CpuInstanceProperties qom-path?:str"},
    {"CpuDefinitionInfo", OBJECT,
     "name:str migration-safe?:bool static:bool unavailable-features?:[str] typename:str "
     "alias-of?:str deprecated:bool"},
    {"CpuModelInfo", OBJECT, "name:str props?:any"},
    {"CpuModelExpansionType", ENUM, "static full"},
    {"CpuModelExpansionInfo", OBJECT, "model:CpuModelInfo"},
    {"MemoryInfo", OBJECT, "base-memory:int plugged-memory?:int"},
    {"MemoryDeviceInfoKind", ENUM, "dimm nvdimm virtio-pmem virtio-mem sgx-epc hv-balloon"},
    {"MemoryDeviceInfo", OBJECT, "type:MemoryDeviceInfoKind"},
    {"HostMemPolicy", ENUM, "default preferred bind interleave"},
    {"Memdev", OBJECT,
     "id?:str size:int merge:bool dump:bool prealloc:bool share:bool reserve?:bool "
     "host-nodes:[int] policy:HostMemPolicy"},
    {"ACPISlotType", ENUM, "DIMM CPU"},
    {"ACPIOSTInfo", OBJECT, "device?:str slot:str slot-type:ACPISlotType source:int status:int"},
    {"IOThreadInfo", OBJECT,
     "id:str thread-id:int poll-max-ns:int poll-grow:int poll-shrink:int aio-max-batch:int"},
    {"TpmModel", ENUM, "tpm-tis tpm-crb tpm-spapr"},
    {"TpmType", ENUM, "passthrough emulator"},
    {"TPMInfo", OBJECT, "id:str model:TpmModel"},
    {"BalloonInfo", OBJECT, "actual:int"},
    {"GuidInfo", OBJECT, "guid:str"},

    /* ---- PCI ---- */
    {"PciMemoryRange", OBJECT, "base:int limit:int"},
    {"PciMemoryRegion", OBJECT,
     "bar:int type:str address:int size:int prefetch?:bool mem_type_64?:bool"},
    {"PciBusInfo", OBJECT,
     "number:int secondary:int subordinate:int io_range:PciMemoryRange "
     "memory_range:PciMemoryRange prefetchable_range:PciMemoryRange"},
    {"PciBridgeInfo", OBJECT, "bus:PciBusInfo devices?:[PciDeviceInfo]"},
    {"PciDeviceClass", OBJECT, "desc?:str class:int"},
    {"PciDeviceId", OBJECT, "device:int vendor:int subsystem?:int subsystem-vendor?:int"},
    {"PciDeviceInfo", OBJECT,
     "bus:int slot:int function:int class_info:PciDeviceClass id:PciDeviceId irq?:int irq_pin:int "
     "qdev_id:str pci_bridge?:PciBridgeInfo regions:[PciMemoryRegion]"},
    {"PciInfo", OBJECT, "bus:int devices:[PciDeviceInfo]"},

    /* ---- objects ---- */
    {"ObjectPropertyInfo", OBJECT, "name:str type:str description?:str default-value?:any"},
    {"ObjectTypeInfo", OBJECT, "name:str abstract?:bool parent?:str"},
    {"ObjectType", ENUM,
     "iothread memory-backend-file memory-backend-memfd memory-backend-ram secret"},
    {"QCryptoSecretFormat", ENUM, "raw base64"},
    {"ObjectOptions", OBJECT, "qom-type:ObjectType id:str",
     "qom-type iothread=IothreadProperties memory-backend-file=MemoryBackendFileProperties "
     "memory-backend-memfd=MemoryBackendMemfdProperties "
     "memory-backend-ram=MemoryBackendProperties secret=SecretProperties"},
    {"IothreadProperties", OBJECT,
     "poll-max-ns?:int poll-grow?:int poll-shrink?:int aio-max-batch?:int thread-pool-min?:int "
     "thread-pool-max?:int"},
    {"MemoryBackendProperties", OBJECT,
     "size:int dump?:bool merge?:bool policy?:HostMemPolicy prealloc?:bool prealloc-threads?:int "
     "share?:bool reserve?:bool x-use-canonical-path-for-ramblock-id?:bool"},
    {"MemoryBackendFileProperties", OBJECT,
     "size:int dump?:bool merge?:bool policy?:HostMemPolicy prealloc?:bool prealloc-threads?:int "
     "share?:bool reserve?:bool x-use-canonical-path-for-ramblock-id?:bool mem-path:str "
     "discard-data?:bool pmem?:bool readonly?:bool"},
    {"MemoryBackendMemfdProperties", OBJECT,
     "size:int dump?:bool merge?:bool policy?:HostMemPolicy prealloc?:bool prealloc-threads?:int "
     "share?:bool reserve?:bool x-use-canonical-path-for-ramblock-id?:bool hugetlb?:bool "
     "seal?:bool"},
    {"SecretProperties", OBJECT, "data?:str file?:str format?:QCryptoSecretFormat"},

    /* ---- block ---- */
    {"IoOperationType", ENUM, "read write"},
    {"BlockErrorAction", ENUM, "ignore report stop"},
    {"BlockdevDriver", ENUM, "blkdebug file host_device null-aio null-co raw"},
    {"BlockdevDiscardOptions", ENUM, "ignore unmap"},
    {"BlockdevDetectZeroesOptions", ENUM, "off on unmap"},
    {"BlockdevAioOptions", ENUM, "threads native io_uring"},
    {"OnOffAuto", ENUM, "auto on off"},
    {"BlockdevCacheOptions", OBJECT, "direct?:bool no-flush?:bool"},
    {"BlockdevOptions", OBJECT, NODE_OPTIONS,
     "driver blkdebug=BlockdevOptionsBlkdebug file=BlockdevOptionsFile "
     "host_device=BlockdevOptionsFile null-aio=BlockdevOptionsNull null-co=BlockdevOptionsNull "
     "raw=BlockdevOptionsRaw"},
    {"BlockdevOptionsFile", OBJECT,
     "filename:str locking?:OnOffAuto aio?:BlockdevAioOptions aio-max-batch?:int drop-cache?:bool"},
    {"BlockdevOptionsNull", OBJECT, "size?:int latency-ns?:int read-zeroes?:bool"},
    {"BlockdevOptionsRaw", OBJECT, "file:BlockdevRef offset?:int size?:int"},
    {"BlkdebugEvent", ENUM,
     "l1_update l1_grow_alloc_table l1_grow_write_table l1_grow_activate_table l2_load l2_update "
     "l2_update_compressed l2_alloc_cow_read l2_alloc_write read_aio read_backing_aio "
     "read_compressed write_aio write_compressed vmstate_load vmstate_save cow_read cow_write "
     "reftable_load reftable_grow reftable_update refblock_load refblock_update "
     "refblock_update_part refblock_alloc refblock_alloc_hookup refblock_alloc_write "
     "refblock_alloc_write_blocks refblock_alloc_write_table refblock_alloc_switch_table "
     "cluster_alloc cluster_alloc_bytes cluster_free flush_to_os flush_to_disk pwritev_rmw_head "
     "pwritev_rmw_after_head pwritev_rmw_tail pwritev_rmw_after_tail pwritev pwritev_zero "
     "pwritev_done empty_image_prepare l1_shrink_write_table l1_shrink_free_l2_clusters cor_write "
     "cluster_alloc_space none"},
    {"BlkdebugIOType", ENUM, "read write write-zeroes discard flush block-status"},
    {"BlockPermission", ENUM, "consistent-read write write-unchanged resize"},
    {"BlkdebugInjectErrorOptions", OBJECT,
     "event:BlkdebugEvent state?:int iotype?:BlkdebugIOType errno?:int sector?:int once?:bool "
     "immediately?:bool"},
    {"BlkdebugSetStateOptions", OBJECT, "event:BlkdebugEvent state?:int new_state:int"},
    {"BlockdevOptionsBlkdebug", OBJECT,
     "image:BlockdevRef config?:str align?:int max-transfer?:int opt-write-zero?:int "
     "max-write-zero?:int opt-discard?:int max-discard?:int "
     "inject-error?:[BlkdebugInjectErrorOptions] set-state?:[BlkdebugSetStateOptions] "
     "take-child-perms?:[BlockPermission] unshare-child-perms?:[BlockPermission]"},
    {"BlockdevRef", SCHEMA_ALTERNATE, "BlockdevOptions str"},
    {"BlockDeviceIoStatus", ENUM, "ok failed nospace"},
    {"BlockdevCacheInfo", OBJECT, "writeback:bool direct:bool no-flush:bool"},
    {"ImageInfo", OBJECT,
     "filename:str format:str virtual-size:int actual-size?:int dirty-flag?:bool"},
    {"BlockDeviceInfo", OBJECT,
     "file:str node-name?:str ro:bool drv:str encrypted:bool backing_file_depth:int "
     "detect_zeroes:BlockdevDetectZeroesOptions " THROTTLE_MEMBERS(
         ":") " image:ImageInfo bps_max?:int bps_rd_max?:int bps_wr_max?:int iops_max?:int "
              "iops_rd_max?:int iops_wr_max?:int bps_max_length?:int bps_rd_max_length?:int "
              "bps_wr_max_length?:int iops_max_length?:int iops_rd_max_length?:int "
              "iops_wr_max_length?:int "
              "iops_size?:int group?:str cache:BlockdevCacheInfo write_threshold:int active?:bool"},
    {"BlockInfo", OBJECT,
     "device:str qdev?:str type:str removable:bool locked:bool inserted?:BlockDeviceInfo "
     "tray_open?:bool io-status?:BlockDeviceIoStatus"},
    {"BlockDeviceStats", OBJECT,
     "rd_bytes:int wr_bytes:int unmap_bytes:int rd_operations:int wr_operations:int "
     "flush_operations:int unmap_operations:int rd_total_time_ns:int wr_total_time_ns:int "
     "flush_total_time_ns:int unmap_total_time_ns:int wr_highest_offset:int rd_merged:int "
     "wr_merged:int unmap_merged:int idle_time_ns?:int failed_rd_operations:int "
     "failed_wr_operations:int failed_flush_operations:int failed_unmap_operations:int "
     "invalid_rd_operations:int invalid_wr_operations:int invalid_flush_operations:int "
     "invalid_unmap_operations:int account_invalid:bool account_failed:bool timed_stats:[any]"},
    {"BlockStats", OBJECT,
     "device?:str qdev?:str node-name?:str stats:BlockDeviceStats parent?:BlockStats "
     "backing?:BlockStats"},
    {"BlockIOThrottle", OBJECT,
     "device?:str id?:str " THROTTLE_MEMBERS(
         ":") " bps_max?:int bps_rd_max?:int bps_wr_max?:int iops_max?:int iops_rd_max?:int "
              "iops_wr_max?:int bps_max_length?:int bps_rd_max_length?:int bps_wr_max_length?:int "
              "iops_max_length?:int iops_rd_max_length?:int iops_wr_max_length?:int iops_size?:int "
              "group?:str"},
    {"BlockdevChangeReadOnlyMode", ENUM, "retain read-only read-write"},
    {"JobInfo", OBJECT,
     "id:str type:str status:str current-progress:int total-progress:int error?:str"},
    {"BlockJobInfo", OBJECT,
     "type:str device:str len:int offset:int busy:bool paused:bool speed:int ready:bool"},

    /* ---- character devices ---- */
    {"ChardevInfo", OBJECT, "label:str filename:str frontend-open:bool"},
    {"ChardevBackendInfo", OBJECT, "name:str"},
    {"ChardevReturn", OBJECT, "pty?:str"},
    {"DataFormat", ENUM, "utf8 base64"},
    {"ChardevBackendKind", ENUM,
     "file serial parallel pipe socket udp pty null mux stdio ringbuf memory"},
    {"ChardevBackend", OBJECT, "type:ChardevBackendKind",
     "type file=ChardevFileWrapper serial=ChardevHostdevWrapper parallel=ChardevHostdevWrapper "
     "pipe=ChardevHostdevWrapper socket=ChardevSocketWrapper udp=ChardevUdpWrapper "
     "pty=ChardevPtyWrapper null=ChardevCommonWrapper mux=ChardevMuxWrapper "
     "stdio=ChardevStdioWrapper ringbuf=ChardevRingbufWrapper memory=ChardevRingbufWrapper"},
    {"ChardevCommon", OBJECT, "logfile?:str logappend?:bool"},
    {"ChardevFile", OBJECT, "logfile?:str logappend?:bool in?:str out:str append?:bool"},
    {"ChardevHostdev", OBJECT, "logfile?:str logappend?:bool device:str"},
    {"ChardevSocket", OBJECT,
     "logfile?:str logappend?:bool addr:SocketAddressLegacy tls-creds?:str tls-authz?:str "
     "server?:bool wait?:bool nodelay?:bool telnet?:bool tn3270?:bool websocket?:bool "
     "reconnect?:int reconnect-ms?:int"},
    {"ChardevUdp", OBJECT,
     "logfile?:str logappend?:bool remote:SocketAddressLegacy local?:SocketAddressLegacy"},
    {"ChardevMux", OBJECT, "logfile?:str logappend?:bool chardev:str"},
    {"ChardevStdio", OBJECT, "logfile?:str logappend?:bool signal?:bool"},
    {"ChardevRingbuf", OBJECT, "logfile?:str logappend?:bool size?:int"},
    {"ChardevPty", OBJECT, "logfile?:str logappend?:bool path?:str"},
    {"ChardevFileWrapper", OBJECT, "data:ChardevFile"},
    {"ChardevHostdevWrapper", OBJECT, "data:ChardevHostdev"},
    {"ChardevSocketWrapper", OBJECT, "data:ChardevSocket"},
    {"ChardevUdpWrapper", OBJECT, "data:ChardevUdp"},
    {"ChardevPtyWrapper", OBJECT, "data:ChardevPty"},
    {"ChardevCommonWrapper", OBJECT, "data:ChardevCommon"},
    {"ChardevMuxWrapper", OBJECT, "data:ChardevMux"},
    {"ChardevStdioWrapper", OBJECT, "data:ChardevStdio"},
    {"ChardevRingbufWrapper", OBJECT, "data:ChardevRingbuf"},
    {"SocketAddressType", ENUM, "inet unix vsock fd"},
    {"SocketAddressLegacy", OBJECT, "type:SocketAddressType",
     "type inet=InetSocketAddressWrapper unix=UnixSocketAddressWrapper "
     "vsock=VsockSocketAddressWrapper fd=FdSocketAddressWrapper"},
    {"InetSocketAddress", OBJECT,
     "host:str port:str numeric?:bool to?:int ipv4?:bool ipv6?:bool keep-alive?:bool mptcp?:bool"},
    {"UnixSocketAddress", OBJECT, "path:str abstract?:bool tight?:bool"},
    {"VsockSocketAddress", OBJECT, "cid:str port:str"},
    {"FdSocketAddress", OBJECT, "str:str"},
    {"InetSocketAddressWrapper", OBJECT, "data:InetSocketAddress"},
    {"UnixSocketAddressWrapper", OBJECT, "data:UnixSocketAddress"},
    {"VsockSocketAddressWrapper", OBJECT, "data:VsockSocketAddress"},
    {"FdSocketAddressWrapper", OBJECT, "data:FdSocketAddress"},

    {"SocketAddress", OBJECT, "type:SocketAddressType",
     "type inet=InetSocketAddress unix=UnixSocketAddress vsock=VsockSocketAddress "
     "fd=FdSocketAddress"},

    /* ---- network ---- */
    {"NetClientDriver", ENUM, "user tap socket stream dgram"},
    {"Netdev", OBJECT, "id:str type:NetClientDriver",
     "type user=NetdevUserOptions tap=NetdevTapOptions socket=NetdevSocketOptions "
     "stream=NetdevStreamOptions dgram=NetdevDgramOptions"},
    {"String", OBJECT, "str:str"},
    {"NetdevUserOptions", OBJECT,
     "hostname?:str restrict?:bool ipv4?:bool ipv6?:bool net?:str host?:str tftp?:str "
     "bootfile?:str dhcpstart?:str dns?:str dnssearch?:[String] domainname?:str ipv6-prefix?:str "
     "ipv6-prefixlen?:int ipv6-host?:str ipv6-dns?:str smb?:str smbserver?:str hostfwd?:[String] "
     "guestfwd?:[String] tftp-server-name?:str"},
    {"NetdevTapOptions", OBJECT,
     "ifname?:str fd?:str fds?:str script?:str downscript?:str br?:str helper?:str sndbuf?:int "
     "vnet_hdr?:bool vhost?:bool vhostfd?:str vhostfds?:str vhostforce?:bool queues?:int "
     "poll-us?:int"},
    {"NetdevSocketOptions", OBJECT,
     "fd?:str listen?:str connect?:str mcast?:str localaddr?:str udp?:str"},
    {"NetdevStreamOptions", OBJECT,
     "addr:SocketAddress server?:bool reconnect?:int reconnect-ms?:int"},
    {"NetdevDgramOptions", OBJECT, "local?:SocketAddress remote?:SocketAddress"},
    {"RxState", ENUM, "normal none all"},
    {"RxFilterInfo", OBJECT,
     "name:str promiscuous:bool multicast:RxState unicast:RxState vlan:RxState "
     "broadcast-allowed:bool multicast-overflow:bool unicast-overflow:bool main-mac:str "
     "vlan-table:[int] unicast-table:[str] multicast-table:[str]"},
    {"AnnounceParameters", OBJECT,
     "initial:int max:int rounds:int step:int interfaces?:[str] id?:str"},

    /* ---- descriptors ---- */
    {"AddfdInfo", OBJECT, "fdset-id:int fd:int"},
    {"FdsetFdInfo", OBJECT, "fd:int opaque?:str"},
    {"FdsetInfo", OBJECT, "fdset-id:int fds:[FdsetFdInfo]"},

    /* ---- dump ---- */
    {"DumpGuestMemoryFormat", ENUM, "elf"},
    {"DumpStatus", ENUM, "none active completed failed"},
    {"DumpQueryResult", OBJECT, "status:DumpStatus completed:int total:int"},
    {"DumpGuestMemoryCapability", OBJECT, "formats:[DumpGuestMemoryFormat]"},

    /* ---- input ---- */
    {"KeyValueKind", ENUM, "number qcode"},
    {"KeyValue", OBJECT, "type:KeyValueKind", "type number=KeyNumber qcode=KeyName"},
    {"KeyNumber", OBJECT, "data:int"},
    {"KeyName", OBJECT, "data:str"},
    {"MouseInfo", OBJECT, "name:str index:int current:bool absolute:bool"},
    {"InputButton", ENUM,
     "left middle right wheel-up wheel-down side extra wheel-left wheel-right touch"},
    {"InputAxis", ENUM, "x y"},
    {"InputEventKind", ENUM, "key btn rel abs"},
    {"InputEvent", OBJECT, "type:InputEventKind",
     "type key=InputKeyEventWrapper btn=InputBtnEventWrapper rel=InputMoveEventWrapper "
     "abs=InputMoveEventWrapper"},
    {"InputKeyEvent", OBJECT, "key:KeyValue down:bool"},
    {"InputBtnEvent", OBJECT, "button:InputButton down:bool"},
    {"InputMoveEvent", OBJECT, "axis:InputAxis value:int"},
    {"InputKeyEventWrapper", OBJECT, "data:InputKeyEvent"},
    {"InputBtnEventWrapper", OBJECT, "data:InputBtnEvent"},
    {"InputMoveEventWrapper", OBJECT, "data:InputMoveEvent"},

    /* ---- statistics ---- */
    {"StatsType", ENUM, "cumulative instant peak linear-histogram log2-histogram"},
    {"StatsUnit", ENUM, "bytes seconds cycles boolean"},
    {"StatsProvider", ENUM, "kvm"},
    {"StatsTarget", ENUM, "vm vcpu"},
    {"StatsRequest", OBJECT, "provider:StatsProvider names?:[str]"},
    {"StatsFilter", OBJECT, "target:StatsTarget providers?:[StatsRequest]",
     "target vcpu=StatsVCPUFilter"},
    {"StatsVCPUFilter", OBJECT, "vcpus?:[str]"},
    {"StatsValue", SCHEMA_ALTERNATE, "int bool [int]"},
    {"Stats", OBJECT, "name:str value:StatsValue"},
    {"StatsResult", OBJECT, "provider:StatsProvider qom-path?:str stats:[Stats]"},
    {"StatsSchemaValue", OBJECT,
     "name:str type:StatsType unit?:StatsUnit base?:int exponent:int bucket-size?:int"},
    {"StatsSchema", OBJECT,
     "provider:StatsProvider target:StatsTarget stats:[StatsSchemaValue]"},

    /* ---- Xen ---- */
    {"EvtchnPortType", ENUM, "closed unbound interdomain pirq virq ipi"},
    {"EvtchnInfo", OBJECT,
     "port:int vcpu:int type:EvtchnPortType remote-domain:str target:int pending:bool masked:bool"},
    {"XenHostKind", ENUM, "kernel user"},
    {"XenTransport", ENUM, "kvm-exit io-port"},
    {"XenEvtchnAbi", ENUM, "2-level fifo"},
    {"XenHypercallInfo", OBJECT, "number:int name?:str count:int"},
    {"XenEvtchnSummary", OBJECT, "abi:XenEvtchnAbi limit:int open:int"},
    {"XenGrantInfo", OBJECT, "in-use:int frames:int max-frames:int version:int"},
    {"XenQuotaInfo", OBJECT, "name:str description:str limit:int used?:int"},
    {"XenMemoryInfo", OBJECT, "actual:int maximum:int target?:int"},
    {"XenInfo", OBJECT,
     "domain-id:int version:str host:XenHostKind transport:XenTransport guest-bits:int "
     "hypercalls:[XenHypercallInfo] uncounted:[str] event-channels:XenEvtchnSummary "
     "ports:[EvtchnInfo] grants:XenGrantInfo store-quotas:[XenQuotaInfo] memory:XenMemoryInfo"},

    /* ---- the rest ---- */
    {"TraceEventState", ENUM, "unavailable disabled enabled"},
    {"TraceEventInfo", OBJECT, "name:str state:TraceEventState"},
    {"CommandLineParameterType", ENUM, "string boolean number size"},
    {"CommandLineParameterInfo", OBJECT,
     "name:str type:CommandLineParameterType help?:str default?:str"},
    {"CommandLineOptionInfo", OBJECT, "option:str parameters:[CommandLineParameterInfo]"},
    {"MigrationCapability", ENUM,
     "xbzrle rdma-pin-all auto-converge zero-blocks compress events postcopy-ram x-colo release-ram "
     "block return-path pause-before-switchover multifd dirty-bitmaps postcopy-blocktime "
     "late-block-activate x-ignore-shared validate-uuid background-snapshot zero-copy-send "
     "postcopy-preempt switchover-ack dirty-limit"},
    {"MigrationCapabilityStatus", OBJECT, "capability:MigrationCapability state:bool"},
    {"MigrationStatus", ENUM,
     "none setup cancelling cancelled active postcopy-active postcopy-paused postcopy-recover "
     "completed failed colo pre-switchover device wait-unplug"},
    {"MigrationStats", OBJECT,
     "transferred:int remaining:int total:int duplicate:int skipped:int normal:int "
     "normal-bytes:int dirty-pages-rate:int mbps:number dirty-sync-count:int "
     "postcopy-requests:int page-size:int multifd-bytes:int pages-per-second:int"},
    {"MigrationInfo", OBJECT,
     "status?:MigrationStatus ram?:MigrationStats total-time?:int expected-downtime?:int "
     "downtime?:int setup-time?:int error-desc?:str blocked-reasons?:[str]"},
    {"MigrationParameters", OBJECT,
     "max-bandwidth?:int downtime-limit?:int avail-switchover-bandwidth?:int"},
    {"YankInstanceType", ENUM, "block-node chardev migration"},
    {"YankInstanceBlockNode", OBJECT, "node-name:str"},
    {"YankInstanceChardev", OBJECT, "id:str"},
    {"YankInstance", OBJECT, "type:YankInstanceType",
     "type block-node=YankInstanceBlockNode chardev=YankInstanceChardev"},
};
const unsigned schema_row_count = G_N_ELEMENTS(schema_rows);
