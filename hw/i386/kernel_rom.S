/*
 * The option ROM that boots -kernel after the firmware (-bios given): reads the kernel through
 * fw_cfg's DMA and starts it, a Linux bzImage at its real-mode entry, PVH and Multiboot kernels in
 * protected mode with the firmware's memory map.
 *
 * boot_firmware.c fills in the variables and the checksum before the firmware sees the ROM.
 *
 * Source: Plug and Play BIOS specification 1.0A (bootstrap entry vector); Linux
 * Documentation/arch/x86/boot.rst; ACPI specification 3.0 chapter 14 (INT 15h E820h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

/* Scratch memory where a boot sector would go: the firmware keeps nothing there. */
#define STACK           0x7c00
#define DMA_DESCRIPTOR  0x7c00
#define DMA_RESULT      0x7c10
#define GDT_POINTER     0x7c20

#define FW_CFG_DMA      0x514
#define DMA_READ_SELECT 0x0a
#define DMA_FAILED      0x01000000 /* the error bit, as it reads back in the other byte order */

#define KERNEL_ADDR     0x07
#define KERNEL_SIZE     0x08
#define KERNEL_DATA     0x11
#define INITRD_ADDR     0x0a
#define INITRD_SIZE     0x0b
#define INITRD_DATA     0x12
#define CMDLINE_ADDR    0x13
#define CMDLINE_SIZE    0x14
#define CMDLINE_DATA    0x15
#define SETUP_ADDR      0x16
#define SETUP_SIZE      0x17
#define SETUP_DATA      0x18

#define SMAP            0x534d4150
#define RSDP_FIRST      0x20445352 /* "RSD " */
#define RSDP_SECOND     0x20525450 /* "PTR " */
#define MAP_ENTRY       24
#define MAP_MAX         100

        .section .rodata
        .balign 16
        .globl  kernel_rom_start, kernel_rom_end, kernel_rom_variables
        .hidden kernel_rom_start, kernel_rom_end, kernel_rom_variables
        .code16
kernel_rom_start:
        .byte   0x55, 0xaa
        .byte   (kernel_rom_end - kernel_rom_start) / 512
        xorw    %ax, %ax                /* initialization: nothing to do */
        lret
        .org    kernel_rom_start + 0x18, 0
        .word   0
        .word   pnp_header - kernel_rom_start
        .balign 16, 0
pnp_header:
        .ascii  "$PnP"
        .byte   1                       /* revision */
        .byte   2                       /* length / 16 */
        .word   0                       /* no further header */
        .byte   0
        .byte   0                       /* checksum: filled in */
        .long   0
        .word   manufacturer - kernel_rom_start
        .word   product - kernel_rom_start
        .byte   0x02, 0x00, 0x00        /* device class: a boot device */
        .byte   0x14                    /* may be shadowed, is an initial program loader */
        .word   0, 0                    /* no boot connection or disconnect vector */
        .word   boot - kernel_rom_start
        .word   0, 0

manufacturer:
        .asciz  "Xenolith"
product:
        .asciz  "-kernel"

        .balign 8, 0
kernel_rom_variables:
protected:      .long 0                 /* 0: Linux setup code; 1: protected mode */
entry:          .long 0
value_eax:      .long 0
value_ebx:      .long 0
map_address:    .long 0                 /* where the memory map goes, below 1 MiB */
map_count:      .long 0                 /* where its length goes, counted in map_unit per entry */
map_unit:       .long 0
map_has_size:   .long 0                 /* an entry begins with its size (Multiboot) */
rsdp_pointer:   .long 0                 /* where the address of ACPI's RSDP goes; 0: nowhere (PVH) */

boot:
        cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ss
        movl    $STACK, %esp
        movw    %ax, %es
        movw    %cs, %ax
        movw    %ax, %ds

        movw    $SETUP_ADDR, %si
        movw    $SETUP_DATA, %bp
        call    load_item
        movw    $KERNEL_ADDR, %si
        movw    $KERNEL_DATA, %bp
        call    load_item
        movw    $INITRD_ADDR, %si
        movw    $INITRD_DATA, %bp
        call    load_item
        movw    $CMDLINE_ADDR, %si
        movw    $CMDLINE_DATA, %bp
        call    load_item

        cmpl    $0, protected - kernel_rom_start
        jne     start_protected

/* Linux: segments at the setup code, the stack below the command line, entry at the next sector. */
        movw    $CMDLINE_ADDR, %ax
        call    read_number
        movl    %edx, %ecx
        movw    $SETUP_ADDR, %ax
        call    read_number
        subl    %edx, %ecx
        subl    $16, %ecx
        shrl    $4, %edx
        movw    %dx, %ds
        movw    %dx, %es
        movw    %dx, %fs
        movw    %dx, %gs
        movw    %dx, %ss
        movl    %ecx, %esp
        addw    $0x20, %dx
        pushw   %dx
        pushw   $0
        lret

/* Loads the item whose address key is in SI (its size key follows) and whose data key is in BP. */
load_item:
        movw    %si, %ax
        incw    %ax
        call    read_number
        testl   %edx, %edx
        jz      1f
        movl    %edx, %ebx
        movw    %si, %ax
        call    read_number
        movl    %edx, %edi
        movl    %ebx, %ecx
        movw    %bp, %ax
        call    dma_read
1:      ret

/* EDX = the 32-bit number under key AX. */
read_number:
        pushl   %ecx
        pushl   %edi
        movl    $4, %ecx
        movl    $DMA_RESULT, %edi
        call    dma_read
        movl    %es:DMA_RESULT, %edx
        popl    %edi
        popl    %ecx
        ret

/* Reads ECX bytes of key AX to physical address EDI. */
dma_read:
        pushl   %edx
        shll    $16, %eax
        orl     $DMA_READ_SELECT, %eax
        bswapl  %eax
        movl    %eax, %es:DMA_DESCRIPTOR
        bswapl  %ecx
        movl    %ecx, %es:DMA_DESCRIPTOR + 4
        movl    $0, %es:DMA_DESCRIPTOR + 8
        bswapl  %edi
        movl    %edi, %es:DMA_DESCRIPTOR + 12
        movw    $FW_CFG_DMA, %dx
        xorl    %eax, %eax
        outl    %eax, %dx
        movw    $FW_CFG_DMA + 4, %dx
        movl    $DMA_DESCRIPTOR, %eax
        bswapl  %eax
        outl    %eax, %dx
1:      movl    %es:DMA_DESCRIPTOR, %eax
        cmpl    $DMA_FAILED, %eax
        je      failed
        testl   %eax, %eax
        jnz     1b
        popl    %edx
        ret

failed:
        int     $0x18                   /* the firmware goes on to the next boot device */
2:      hlt
        jmp     2b

start_protected:
        movl    map_address - kernel_rom_start, %edi
        movl    %edi, %eax
        shrl    $4, %eax
        movw    %ax, %es
        andl    $15, %edi
        xorl    %ebx, %ebx
        xorl    %ebp, %ebp              /* entries so far */
next_range:
        pushw   %di
        cmpl    $0, map_has_size - kernel_rom_start
        je      3f
        movl    $MAP_ENTRY - 4, %es:(%di)
        addw    $4, %di
3:      movl    $0xe820, %eax
        movl    $SMAP, %edx
        movl    $20, %ecx
        movw    $0, %es:20(%di)
        int     $0x15
        popw    %di
        jc      map_done
        cmpl    $SMAP, %eax
        jne     map_done
        addw    $MAP_ENTRY, %di
        incl    %ebp
        cmpl    $MAP_MAX, %ebp
        jae     map_done
        testl   %ebx, %ebx
        jnz     next_range
map_done:
        cli
        movl    map_count - kernel_rom_start, %edi
        movl    %edi, %eax
        shrl    $4, %eax
        movw    %ax, %es
        andl    $15, %edi
        movl    map_unit - kernel_rom_start, %eax
        mull    %ebp
        movl    %eax, %es:(%di)

        movl    rsdp_pointer - kernel_rom_start, %edi
        testl   %edi, %edi
        jz      rsdp_done
        movw    $0xe000, %ax            /* the firmware puts it on a paragraph below 1 MiB */
4:      movw    %ax, %es
        cmpl    $RSDP_FIRST, %es:0
        jne     5f
        cmpl    $RSDP_SECOND, %es:4
        je      6f
5:      incw    %ax
        jnz     4b
        jmp     rsdp_done
6:      movzwl  %ax, %edx
        shll    $4, %edx
        movl    %edi, %eax
        shrl    $4, %eax
        movw    %ax, %es
        andl    $15, %edi
        movl    %edx, %es:(%di)
rsdp_done:

        inb     $0x92, %al              /* A20, should the firmware have left it off */
        orb     $2, %al
        andb    $0xfe, %al
        outb    %al, $0x92

        movl    entry - kernel_rom_start, %ecx
        movl    value_eax - kernel_rom_start, %ebp
        movl    value_ebx - kernel_rom_start, %ebx
        xorw    %ax, %ax
        movw    %ax, %es
        xorl    %edx, %edx
        movw    %cs, %dx
        shll    $4, %edx
        leal    gdt - kernel_rom_start(%edx), %eax
        movw    $gdt_end - gdt - 1, %es:GDT_POINTER
        movl    %eax, %es:GDT_POINTER + 2
        lgdtl   %es:GDT_POINTER
        leal    in_protected - kernel_rom_start(%edx), %edi
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        pushl   $0x10
        pushl   %edi
        lretl

        .code32
in_protected:
        movl    $0x18, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        movl    %ebp, %eax
        xorl    %ebp, %ebp
        xorl    %esi, %esi
        xorl    %edi, %edi
        jmp     *%ecx

        .balign 8, 0
gdt:
        .quad   0
        .quad   0
        .quad   0x00cf9b000000ffff
        .quad   0x00cf93000000ffff
gdt_end:
        .org    kernel_rom_start + 1023, 0
        .byte   0                       /* checksum: filled in */
kernel_rom_end:

        .section .note.GNU-stack, "", @progbits
